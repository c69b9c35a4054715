/**
 * Which files of the conversation a model is shown. What it is known not to take is left out from the
 * start. Where it refuses a prompt that holds files, it is asked again with fewer: first without those
 * of earlier messages, then without any. The conversation itself keeps all of them, so that another
 * model may see them.
 */
import type { LanguageModelV4, LanguageModelV4Prompt } from '@ai-sdk/provider'

import type { LoomError } from '../ground/error.ts'
import type { ModelFacts } from '../model.ts'
import { type File, type FilePlace, filesIn, withFiles } from '../model/prompt/file-places.ts'
import { readsFile } from './file-ability.ts'
import { isFileRefusal, kindsNeverTaken } from './file-refusal.ts'
import { fileKey, isRemembered, kindKey, remember } from './refused-files.ts'

/**
 * Which files are shown: all; all but those of messages that were never answered; those of the latest
 * message; none.
 */
type Level = 'all' | 'answered' | 'newest' | 'none'

/** One question to one model. */
export interface FileReader {
  model: LanguageModelV4
  facts: ModelFacts
  prompt: LanguageModelV4Prompt
}

export class ShownFiles {
  readonly #levels = new Map<LanguageModelV4, Level>()
  #asked: FileReader | undefined
  /** What to remember once the model answers without it. */
  #blamed: Parameters<typeof remember>[1] = []

  /** The prompt as its model is to see it. */
  shownTo(asked: FileReader): LanguageModelV4Prompt {
    this.#asked = asked
    const level = this.#levelOf(asked)
    return withFiles(asked.prompt, (file, place) => isHidden(asked, level, file, place))
  }

  /**
   * The model refused the prompt that was asked for last, for good. True where the same model is to be
   * asked once more, now with fewer files.
   * @param isLastModel whether no other model is left that could be asked instead
   */
  refused(failure: LoomError, isLastModel: boolean): boolean {
    const asked = this.#asked
    if (asked === undefined) return false
    const level = this.#levelOf(asked)
    const shown = filesIn(asked.prompt).filter((entry) => !isHidden(asked, level, ...entry))
    const next = nextLevel(shown, isFileRefusal(failure), isLastModel)
    if (next === undefined) return false
    this.#levels.set(asked.model, next)
    const hidden = shown.filter((entry) => isHidden(asked, next, ...entry)).map(([file]) => file)
    const mediaTypes = hidden.map(({ mediaType }) => mediaType)
    // Those that were hidden before were not to blame: the model refused the prompt without them, too.
    const files = new Set(hidden.map(fileKey))
    const kinds = kindsNeverTaken(failure, mediaTypes).map(kindKey)
    this.#blamed = [
      ...[...files].map((key) => ({ key, isSure: files.size === 1 })),
      ...kinds.map((key) => ({ key, isSure: true })),
    ]
    return true
  }

  /** A model answered: what was hidden from it last was what it had refused. */
  answered(): void {
    if (this.#asked !== undefined) remember(this.#asked.model, this.#blamed)
    this.#blamed = []
    this.#levels.clear()
  }

  #levelOf = ({ model }: FileReader): Level => this.#levels.get(model) ?? 'all'
}

function isHidden(
  { model, facts }: FileReader,
  level: Level,
  file: File,
  { isNewest, isUnanswered }: FilePlace,
): boolean {
  if (level === 'none') return true
  if (!isNewest && (level === 'newest' || (level === 'answered' && isUnanswered))) return true
  return (
    isLocal(file) || !readsFile(facts, file.mediaType) || isRemembered(model, file, { isNewest })
  )
}

/** An address that means something only on the sender's machine. */
const isLocal = ({ data }: File) =>
  data.type === 'url' && /^(?:blob|file):$/.test(data.url.protocol)

function nextLevel(
  shown: readonly [File, FilePlace][],
  verdict: ReturnType<typeof isFileRefusal>,
  isLastModel: boolean,
): Level | undefined {
  const older = shown.filter(([, { isNewest }]) => !isNewest)
  if (verdict === 'perhaps') {
    // A server that breaks on a file does so at each later message; one that is away comes back.
    return older.some(([, { isUnanswered }]) => isUnanswered) ? 'answered' : undefined
  }
  if (verdict === 'no' || shown.length === 0) return undefined
  if (older.length > 0) return 'newest'
  return isLastModel ? 'none' : undefined
}
