/**
 * The Markdown of models in a terminal: CommonMark, except that names and globs keep their
 * characters. `__init__.py`, `src/**` and `5*3*2` contain characters that CommonMark treats as
 * emphasis (§6.2).
 */
import { Lexer, Marked, type Token, Tokenizer, type Tokens } from 'marked'

const own = new Marked({
  tokenizer: {
    emStrong(source, masked, previous = '') {
      const token = Tokenizer.prototype.emStrong.call(this, source, masked, previous)
      if (token === undefined || isEmphasis(token.raw, { source, previous })) return token
      const [run = ''] = /^(?:\*+|_+)/.exec(source) ?? []
      // The marks become text. Emphasis between them is still found.
      return plainText(run)
    },
    // Strikethrough needs two tildes. A single tilde is a home folder, or means "about".
    del(source, masked, previous) {
      const isSingle = /^~(?!~)/.test(source)
      return isSingle ? undefined : Tokenizer.prototype.del.call(this, source, masked, previous)
    },
  },
})

/** Empty emphasis represents plain marks, because the lexer accepts only an emphasis token here. */
const plainText = (raw: string): Tokens.Em => ({ type: 'em', raw, text: raw, tokens: [] })

/** Parses a text into blocks. */
export const blockTokens = (source: string): Token[] => own.lexer(source)

/** Parses the content of one paragraph. */
export const inlineTokens = (source: string): Token[] => Lexer.lexInline(source, own.defaults)

/**
 * Whether a run of `*` or `_` may begin emphasis after this character. It may not within a name or
 * a path.
 */
export const mayOpen = (previous: string): boolean => !/[A-Za-z0-9/\\.]/.test(previous)

function isEmphasis(
  raw: string,
  { source, previous }: { source: string; previous: string },
): boolean {
  if (!mayOpen(previous)) return false
  const mark = raw.charAt(0)
  const [run = ''] = /^(?:\*+|_+)/.exec(raw) ?? []
  const inner = raw.slice(run.length, raw.length - run.length)
  const behind = source.slice(raw.length, raw.length + 2)
  // A path, a call or a longer name follows: `__init__.py`, `**/*.ts,**/*.md`.
  if (/^(?:[.:-]\w|[/\\(=[])/.test(behind)) return false
  if (mark === '*') return !inner.endsWith('/') && !(run === '*' && /^[A-Za-z0-9]/.test(behind))
  if (/\s/.test(inner)) return true
  // One word: `__name__` and `_private_name_` are names.
  return run.length === 1 ? !inner.includes('_') : !/^\w+$/.test(inner)
}
