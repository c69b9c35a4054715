/**
 * Which files of the conversation a model receives. Files that it is known to refuse are left out from
 * the start. If it refuses a prompt with files, it is asked again with fewer: first without those of
 * earlier messages, then without any. The conversation keeps all files, so that another model can
 * receive them.
 */
import type { LanguageModelV4, LanguageModelV4Prompt } from '@ai-sdk/provider'

import type { LoomError } from '../ground/error.ts'
import type { ModelFacts } from '../model.ts'
import { type File, type FilePlace, filesIn, withFiles } from '../model/prompt/file-places.ts'
import { readsFile } from './file-ability.ts'
import { isFileRefusal, kindsNeverTaken } from './file-refusal.ts'
import { fileKey, isRemembered, kindKey, remember } from './refusal-memory.ts'

/**
 * The files to show: all; all except those of messages that received no answer; those of the latest
 * message; none.
 */
type Level = 'all' | 'answered' | 'newest' | 'none'

/** One request to one model. */
export interface FileReader {
  model: LanguageModelV4
  facts: ModelFacts
  prompt: LanguageModelV4Prompt
}

export class FileFilter {
  readonly #levels = new Map<LanguageModelV4, Level>()
  #request: FileReader | undefined
  /** The keys to remember as refused if the model answers without these files. */
  #suspects: Parameters<typeof remember>[1] = []

  /** The prompt with the files that its model may receive. */
  promptFor(request: FileReader): LanguageModelV4Prompt {
    this.#request = request
    const level = this.#levelOf(request)
    return withFiles(request.prompt, (file, place) => isHidden(request, level, file, place))
  }

  /**
   * Handles a final refusal of the last prompt. Returns true if the same model is to be asked once
   * more, with fewer files.
   * @param isLastModel whether no other model is left that could be asked instead
   */
  recordRefusal(failure: LoomError, isLastModel: boolean): boolean {
    const request = this.#request
    if (request === undefined) return false
    const level = this.#levelOf(request)
    const shown = filesIn(request.prompt).filter((entry) => !isHidden(request, level, ...entry))
    const next = nextLevel(shown, isFileRefusal(failure), isLastModel)
    if (next === undefined) return false
    this.#levels.set(request.model, next)
    const hidden = shown.filter((entry) => isHidden(request, next, ...entry)).map(([file]) => file)
    const mediaTypes = hidden.map(({ mediaType }) => mediaType)
    // Files that were already hidden are not the reason: the model refused the prompt without them.
    const files = new Set(hidden.map(fileKey))
    const kinds = kindsNeverTaken(failure, mediaTypes).map(kindKey)
    this.#suspects = [
      ...[...files].map((key) => ({ key, isSure: files.size === 1 })),
      ...kinds.map((key) => ({ key, isSure: true })),
    ]
    return true
  }

  /** Records an answer: the files that were hidden last are the ones that the model refused. */
  recordAnswer(): void {
    if (this.#request !== undefined) remember(this.#request.model, this.#suspects)
    this.#suspects = []
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

/** An address that is valid only on the sender's machine. */
const isLocal = ({ data }: File) =>
  data.type === 'url' && /^(?:blob|file):$/.test(data.url.protocol)

function nextLevel(
  shown: readonly [File, FilePlace][],
  verdict: ReturnType<typeof isFileRefusal>,
  isLastModel: boolean,
): Level | undefined {
  const older = shown.filter(([, { isNewest }]) => !isNewest)
  if (verdict === 'perhaps') {
    // A server that crashes on a file does so again at each later message; an outage ends by itself.
    return older.some(([, { isUnanswered }]) => isUnanswered) ? 'answered' : undefined
  }
  if (verdict === 'no' || shown.length === 0) return undefined
  if (older.length > 0) return 'newest'
  return isLastModel ? 'none' : undefined
}
