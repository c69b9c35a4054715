/** The names of the tool in a part of a message. */
import type { FoldedPart } from '../message-fold.ts'
import { isMirrored } from '../mirrored-call.ts'

/** The name that the user sees. The question of a task has the name `<agent>.<tool>`. */
export const nameOf = (part: FoldedPart): string =>
  part.type === 'dynamic-tool' ? String(part['toolName']) : part.type.replace(/^tool-/, '')

/**
 * The name of the tool, also for the question of a task. A grant is for the tool of every agent. The tool of an
 * MCP server may have a dot in its own name.
 */
export const ownNameOf = (part: FoldedPart): string =>
  isMirrored(part) ? nameOf(part).replace(/^.*\./, '') : nameOf(part)
