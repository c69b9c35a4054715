/**
 * What Loom notes about a user message of AG-UI, in the metadata of the stored message: the run that posted it, and the id
 * that the client gave to it. An edit has the id of the edited message in the session, and its own in AG-UI.
 */
import type { UIMessage } from 'ai'

import { fieldOf, textField } from '../../src/ground/fields.ts'

interface MessageMark {
  runId: string
  messageId: string
}

export const metadataOf = (mark: MessageMark) => ({ agUi: mark })

/** Returns the id by which the client knows a message. */
export const agUiIdOf = ({ id, metadata }: Pick<UIMessage, 'id' | 'metadata'>): string =>
  textField(fieldOf(metadata, 'agUi'), 'messageId') ?? id

/** Returns the id of the run that posted a message. Undefined for a message of another door. */
export const runIdOf = ({ metadata }: Pick<UIMessage, 'metadata'>): string | undefined =>
  textField(fieldOf(metadata, 'agUi'), 'runId')
