/** The cases for both sides. A case with an intended difference has its reason. */
import type { Case } from './case.ts'

const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => `line ${index + 1}\n`).join('')

const reads: Case[] = [
  { name: 'a file', files: { a: 'one\n\n  two\n' }, input: { path: 'a' } },
  { name: 'no last line ending', files: { a: 'one\ntwo' }, input: { path: 'a' } },
  { name: 'an empty file', files: { a: '' }, input: { path: 'a' } },
  { name: 'a part', files: { a: numbered(10) }, input: { path: 'a', offset: 3, limit: 2 } },
  { name: 'the last part', files: { a: 'a\nb\nc' }, input: { path: 'a', offset: 2, limit: 2 } },
  { name: 'behind the end', files: { a: 'a\nb' }, input: { path: 'a', offset: 4 } },
  { name: 'too many lines', files: { a: numbered(2500) }, input: { path: 'a' } },
  { name: 'too many bytes', files: { a: `${'x'.repeat(999)}\n`.repeat(90) }, input: { path: 'a' } },
  { name: 'bytes and an offset', files: { a: numbered(2500) }, input: { path: 'a', offset: 2001 } },
  { name: 'characters of several bytes', files: { a: 'é😀\n日本\n' }, input: { path: 'a' } },
  { name: 'a directory', files: { 'd/a': '' }, input: { path: 'd' } },
  { name: 'nothing', input: { path: 'none' } },
  { name: 'a path with dots', files: { 'd/a': 'x\n' }, input: { path: './d/../d/a' } },
  { name: 'a link within', files: { a: 'x\n' }, links: { b: 'a' }, input: { path: 'b' } },
  {
    name: 'limit 0',
    differs: 'a limit of nothing is a mistake, and the model receives an error',
    files: { a: 'a\nb\n' },
    input: { path: 'a', limit: 0 },
  },
  {
    name: 'CRLF',
    differs: 'the model does not see line endings: edits keep them',
    files: { a: 'one\r\ntwo\r\n' },
    input: { path: 'a' },
  },
  {
    name: 'a byte order mark',
    differs: 'as CRLF: an edit of the first line need not quote it',
    files: { a: '\uFEFFone\n' },
    input: { path: 'a' },
  },
  {
    name: 'a line of more than the limit',
    differs: 'lines are cut at 2000 characters, or one minified file fills the window',
    files: { a: `${'x'.repeat(3000)}\ny\n` },
    input: { path: 'a' },
  },
  {
    name: 'a line of more than 50 KB',
    differs: 'as above; the peer shows none of it and suggests a shell command',
    files: { a: `${'x'.repeat(60_000)}\ny\n` },
    input: { path: 'a' },
  },
  {
    name: 'exactly the limit, with a last line ending',
    differs: 'after the last line ending there is no line to read',
    files: { a: 'a\nb\n' },
    input: { path: 'a', limit: 2 },
  },
  {
    name: 'right behind the last line ending',
    differs: 'as above',
    files: { a: 'a\nb\n' },
    input: { path: 'a', offset: 3 },
  },
  {
    name: 'a binary file',
    differs: 'a model cannot use binary bytes; it receives a description',
    files: { a: 'a\0b' },
    input: { path: 'a' },
  },
  {
    name: 'UTF-16',
    differs: 'a file with the mark of UTF-16 is decoded',
    files: { a: Buffer.from('\uFEFFone\n', 'utf16le') },
    input: { path: 'a' },
  },
  {
    name: 'a file outside',
    differs: 'no path may leave the workspace',
    input: { path: '/etc/passwd' },
  },
  {
    name: 'a link that leads outside',
    differs: 'no path may leave the workspace',
    links: { a: '/etc/passwd' },
    input: { path: 'a' },
  },
].map((given) => ({ ...given, tool: 'read_file' }))

const writes: Case[] = [
  { name: 'a new file', input: { path: 'a', content: 'x\n' } },
  { name: 'new directories', input: { path: 'a/b/c', content: 'é' } },
  { name: 'over another', files: { a: 'a long one' }, input: { path: 'a', content: '' } },
  { name: 'where a directory is', files: { 'a/b': 'x' }, input: { path: 'a', content: '' } },
  { name: 'below a file', files: { a: 'x' }, input: { path: 'a/b', content: '' } },
  {
    name: 'through a link',
    files: { a: 'x' },
    links: { b: 'a' },
    input: { path: 'b', content: 'y' },
  },
  { name: 'through a dangling link', links: { b: 'a' }, input: { path: 'b', content: 'y' } },
  { name: 'line endings as they are', input: { path: 'a', content: 'a\r\nb\n\uFEFFc\r' } },
].map((given) => ({ ...given, tool: 'write_file' }))

const edits: Case[] = [
  { name: 'one passage', content: 'one\ntwo\n', edits: [['two', '2']] },
  {
    name: 'several',
    content: 'a b c',
    edits: [
      ['a', 'b'],
      ['c', 'a'],
    ],
  },
  {
    name: 'each in the original',
    content: 'ab',
    edits: [
      ['a', 'b'],
      ['b', 'a'],
    ],
  },
  {
    name: 'overlapping',
    content: 'abc',
    edits: [
      ['ab', 'x'],
      ['bc', 'y'],
    ],
  },
  {
    name: 'next to each other',
    content: 'abc',
    edits: [
      ['a', 'x'],
      ['b', 'y'],
    ],
  },
  {
    name: 'one that is not there',
    content: 'a b',
    edits: [
      ['a', 'x'],
      ['z', 'y'],
    ],
  },
  { name: 'ambiguous', content: 'x\nx\n', edits: [['x', 'y']] },
  { name: 'nothing new', content: 'x\n', edits: [['x', 'x']] },
  { name: 'an empty passage', content: 'x\n', edits: [['', 'y']] },
  { name: 'a deletion', content: 'a\nb\nc\n', edits: [['b\n', '']] },
  { name: 'dollars', content: '(x)', edits: [['x', '$& $1 $$']] },
  { name: 'no last line ending', content: 'a\nb', edits: [['b', 'c']] },
  { name: 'a byte order mark', content: '\uFEFFa\nb\n', edits: [['a', 'x']] },
  { name: 'CRLF', content: 'a\r\nb\r\nc\r\n', edits: [['a\nb', 'x\ny\nz']] },
  { name: 'CRLF in the edit', content: 'a\nb\n', edits: [['a\r\nb', 'x\r\ny']] },
  {
    name: 'mixed line endings, one line',
    differs: 'lines that are not edited keep their endings; the peer makes all of them alike',
    content: 'a\r\nb\nc\r\n',
    edits: [['b', 'x']],
  },
  {
    name: 'mixed line endings, over lines',
    differs: 'each line keeps the ending that it had',
    content: 'a\r\nb\nc\r\n',
    edits: [['a\nb\nc', 'x\ny\nz']],
  },
  {
    name: 'mixed line endings, LF first',
    differs: 'lines that are not edited keep their endings',
    content: 'a\nb\r\nc\n',
    edits: [['c', 'x']],
  },
  {
    name: 'a lone CR',
    differs: 'lines that are not edited keep every byte',
    content: 'a\rb\nc\n',
    edits: [['c', 'x']],
  },
  { name: 'quotes', content: 'say “hi”\nand ‘ho’\n', edits: [['say "hi"', 'x']] },
  { name: 'dashes', content: 'a – b\n', edits: [['a - b', 'x']] },
  { name: 'hard spaces', content: 'a\u00A0b\n', edits: [['a b', 'x']] },
  { name: 'full width', content: 'ＡＢ\n', edits: [['AB', 'x']] },
  { name: 'space at line ends', content: 'a  \nb\n', edits: [['a\nb', 'x']] },
  { name: 'two that look alike', content: '“a”\n„a”\n', edits: [['"a"', 'x']] },
  {
    name: 'an exact one beside one of its look',
    differs: 'an exact quote means only its exact text',
    content: '"a"\n“a”\n',
    edits: [['"a"', 'x']],
  },
  { name: 'a tab for spaces', content: '\ta\n', edits: [['  a', 'x']] },
  { name: 'spaces within', content: 'a  b\n', edits: [['a b', 'x']] },
  {
    name: 'by its look, beside curly quotes',
    differs: 'only the passage is replaced; the peer rewrites the rest of its lines',
    content: '“k”\na – b “c”\n“k” \n',
    edits: [['a - b', 'x']],
  },
  {
    name: 'half a ligature',
    differs: 'a match begins and ends between characters of the file',
    content: 'ﬁx\n',
    edits: [['ix', 'y']],
  },
  { name: 'a line like another', content: 'aa\n', edits: [['a', 'b']] },
  {
    name: 'not UTF-8',
    differs: 'other bytes of a file that is not UTF-8 would be damaged',
    content: Buffer.from([0x61, 0xe9, 0x0a]),
    edits: [['a', 'b']],
  },
].map(({ content, edits, ...given }) => ({
  ...given,
  tool: 'edit_file',
  files: { a: content },
  input: { path: 'a', edits: edits.map(([old = '', text = '']) => ({ old, new: text })) },
}))

/** Outside a repository, the peer's grep ignores .gitignore, and its find requires a newer `fd`. */
const git = { '.git/HEAD': 'ref: refs/heads/main\n' }

const tree = {
  ...git,
  '.gitignore': '*.log\nbuild/\n',
  'a.ts': 'one\nneedle two\nthree\n',
  'x.log': 'needle\n',
  'build/b.ts': 'needle\n',
  'src/c.ts': 'x\nNeedle\nneedle\n',
  'src/d.md': 'needle\n',
  '.hidden': 'needle\n',
}

const searches: Case[] = [
  { name: 'a pattern', input: { pattern: 'ne+dle' } },
  { name: 'no match', input: { pattern: 'nothing' } },
  { name: 'any case', input: { pattern: 'needle', ignore_case: true } },
  { name: 'plain text', files: { a: 'a.c\nabc\n' }, input: { pattern: 'a.c', literal: true } },
  { name: 'a bad pattern', input: { pattern: '(' } },
  { name: 'a pattern like an option', files: { a: '-foo\n' }, input: { pattern: '-foo' } },
  { name: 'lines around', files: { a: '1\n2\nx\n4\n5\n' }, input: { pattern: 'x', context: 1 } },
  { name: 'a file', input: { pattern: 'needle', path: 'a.ts' } },
  { name: 'a glob', input: { pattern: 'needle', glob: '*.ts' } },
  { name: 'a limit', files: { a: 'x\nx\nx\n' }, input: { pattern: 'x', limit: 2 } },
  {
    name: 'exactly the limit',
    differs: 'a note of more results appears only with more results',
    files: { a: 'x\nx\n' },
    input: { pattern: 'x', limit: 2 },
  },
  { name: 'nothing there', input: { pattern: 'x', path: 'none' } },
  { name: 'CRLF', files: { a: 'x\r\n' }, input: { pattern: 'x' } },
  {
    name: 'the end of a CRLF line',
    differs: 'a line ends in front of its CRLF',
    files: { a: 'x\r\n' },
    input: { pattern: 'x$' },
  },
  {
    name: 'a directory',
    differs: 'paths are relative to the workspace, so that the next call can use them',
    input: { pattern: 'needle', path: 'src' },
  },
  {
    name: 'a glob of what is ignored',
    differs: 'a glob selects among searched files and adds none',
    input: { pattern: 'needle', glob: '*.log' },
  },
  { name: 'a long line', files: { a: `${'x'.repeat(600)}\n` }, input: { pattern: 'x' } },
  {
    name: 'far in a long line',
    differs: 'the shown part of a long line contains the match',
    files: { a: `${'y'.repeat(600)}x\n` },
    input: { pattern: 'x' },
  },
  {
    name: 'two near each other',
    differs: 'lines around two matches are shown once, and none behind the end',
    files: { a: 'x\n2\nx\n' },
    input: { pattern: 'x', context: 1 },
  },
  {
    name: 'a repository',
    differs: 'the files of a repository itself are not searched',
    files: { '.git/x': 'needle\n', a: 'needle\n' },
    input: { pattern: 'needle' },
  },
  {
    name: 'ignored, in no repository',
    differs: 'a .gitignore also counts without a repository',
    files: { '.gitignore': '*.log\n', 'x.log': 'needle\n', a: 'needle\n' },
    input: { pattern: 'needle' },
  },
  {
    name: 'a lone CR',
    differs: 'a line is shown as it is',
    files: { a: 'a\rx\n' },
    input: { pattern: 'x' },
  },
  {
    name: 'outside',
    differs: 'no path may leave the workspace',
    input: { pattern: 'root', path: '/etc/passwd' },
  },
].map((given) => ({ files: tree, ...given, tool: 'grep' }))

const finds: Case[] = [
  { name: 'names anywhere', input: { pattern: '*.ts' } },
  { name: 'below a directory', input: { pattern: 'src/**/*.ts' } },
  { name: 'anything', input: { pattern: '**/*.md' } },
  { name: 'braces', input: { pattern: '*.{ts,md}' } },
  { name: 'one character', input: { pattern: '?.ts' } },
  { name: 'no match', input: { pattern: '*.none' } },
  { name: 'ignored', input: { pattern: '*.log' } },
  { name: 'hidden', input: { pattern: '.hid*' } },
  {
    name: 'in a directory',
    differs: 'paths are relative to the workspace, so that the next call can use them',
    input: { pattern: '*.ts', path: 'src' },
  },
  { name: 'nothing there', input: { pattern: '*', path: 'none' } },
  { name: 'a directory', differs: 'files are found, not directories', input: { pattern: 'src' } },
  {
    name: 'exactly the limit',
    differs: 'a note of more results appears only with more results',
    files: { ...git, a: '', b: '' },
    input: { pattern: '?', limit: 2 },
  },
  { name: 'with a dot in front', differs: 'it is the same path', input: { pattern: './src/*.ts' } },
  { name: 'outside', input: { pattern: 'passwd', path: '/etc' } },
].map((given) => ({ files: tree, ...given, tool: 'glob' }))

const commands: Case[] = [
  {
    name: 'both outputs in their order',
    input: { command: 'echo a; sleep 0.2; echo b >&2; sleep 0.2; echo c' },
  },
  { name: 'no output', input: { command: 'true' } },
  { name: 'a failure', input: { command: 'echo a; exit 3' } },
  { name: 'a failure without output', input: { command: 'exit 3' } },
  { name: 'a signal', input: { command: 'kill -9 $$' } },
  { name: 'a reader of input', input: { command: 'cat; echo end' } },
  { name: 'the directory', files: { a: 'x\n' }, input: { command: 'cat a' } },
  { name: 'a syntax error', differs: 'bash uses its own name', input: { command: 'if' } },
  { name: 'no such command', input: { command: 'no-such-command 2>/dev/null' } },
  { name: 'a background process', input: { command: 'sleep 30 & echo a' } },
].map((given) => ({ ...given, tool: 'bash' }))

export const cases: readonly Case[] = [
  ...reads,
  ...writes,
  ...edits,
  ...searches,
  ...finds,
  ...commands,
]
