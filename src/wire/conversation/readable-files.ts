/**
 * Checks whether the model can read the files of a message, as far as this is known before the
 * call.
 */
import type { LanguageModelV4, LanguageModelV4FilePart } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import { LoomError } from '../../ground/error.ts'
import { isFileTaker, type ModelFacts, takesFile } from '../../model.ts'
import { filePart } from '../../model/prompt/file.ts'
import { fileAsText } from '../../model/prompt/text-file.ts'
import { readsFile } from '../../runner/file-ability.ts'
import { kindOf } from '../../runner/refusal-memory.ts'
import { fileName } from './posted-files.ts'

export interface AskedModel {
  model: LanguageModelV4
  facts: ModelFacts
}

/** @throws LoomError `invalid-request` for a file that this model certainly cannot read */
export function checkReadable(
  { parts }: Pick<UIMessage, 'parts'>,
  { model, facts }: AskedModel,
): void {
  for (const part of parts) {
    // An address on this server is a file that the session has already.
    if (part.type !== 'file' || part.url.startsWith('/')) continue
    const { mediaType, filename, url } = part
    const file = filePart({ data: url, mediaType, filename })
    if (fileAsText(file) !== undefined) continue
    const name = `${fileName(filename)} (${file.mediaType})`
    if (!readsFile(facts, file.mediaType)) {
      const kind = kindOf(file.mediaType)
      throw new LoomError(
        'invalid-request',
        `${name} cannot be read by ${model.modelId}: this model reads ${listOf(facts.input)} only. Send the message without it, or use a model that reads ${kind}.`,
      )
    }
    if (!mayTake(model, file)) {
      throw new LoomError(
        'invalid-request',
        `${name} cannot be sent to ${model.modelId}: its API has no form for this type of file. Send an image, a PDF or text.`,
      )
    }
  }
}

const mayTake = (model: LanguageModelV4, file: LanguageModelV4FilePart): boolean =>
  !isFileTaker(model) || model[takesFile](file)

const listOf = (kinds: readonly string[] | undefined) => (kinds ?? ['text']).join(', ')
