/**
 * One conversation in an editor. Its prompts are answered as the questions of `loom chat` are. A second reader
 * follows the whole conversation, so that the editor also shows the answers that other clients asked for.
 */
import { setTimeout as delay } from 'node:timers/promises'

import type {
  AgentContext,
  ContentBlock,
  SessionUpdate,
  StopReason,
} from '@agentclientprotocol/sdk'

import type { AgentEvent } from '../../event.ts'
import { LoomError } from '../../ground/error.ts'
import { fieldsOf } from '../../ground/fields.ts'
import { untilAborted } from '../../ground/until-aborted.ts'
import { type FoldedMessage, MessageFold } from '../../message-fold.ts'
import { pendingParts } from '../../session/pending-parts.ts'
import type { Grants } from '../approval.ts'
import type { Conversation, Events } from '../conversation.ts'
import { play, type PlayedTurn } from '../play.ts'
import { EditorHuman } from './editor-human.ts'
import { historyUpdates, userUpdates } from './history.ts'
import { postedIn } from './posted-message.ts'
import { promptMessage, promptText } from './prompt-message.ts'
import { ShownMessages } from './shown-messages.ts'

/** The pause before the follower of a conversation reads again, in milliseconds. */
const retryMs = 1000

/** The longest time that a prompt waits until the follower has shown the end of its answer, in milliseconds. */
const shownMs = 5000

export interface EditorSessionOptions {
  conversation: Conversation
  client: Pick<AgentContext, 'request' | 'notify'>
  grants: Grants
  /** The folder of the agent. Undefined if it is not on this machine. */
  directory: string | undefined
  hasForms: () => boolean
  isShared: boolean
  report: (error: unknown) => void
}

interface RunningPrompt {
  stopping: AbortController
  /** The id of its message. Undefined for the answer to a question. */
  messageId: string | undefined
  /** The answer about which the user is asked now. */
  asked: { messageId: string; asking: AbortController } | undefined
  /** Another client has decided, so the follower reads the rest of the answer. */
  rest: PromiseWithResolvers<TurnEnd> | undefined
}

type TurnEnd = Pick<PlayedTurn, 'message' | 'isStopped' | 'finishReason' | 'errorText'>

export class EditorSession {
  readonly #options: EditorSessionOptions
  readonly #human: EditorHuman
  readonly #shown: ShownMessages
  readonly #closing = new AbortController()
  /** The ids of the messages that the editor has. */
  readonly #known = new Set<string>()
  #prompt: RunningPrompt | undefined
  #following: Promise<void> | undefined
  /** The last question that the follower asks. */
  #asking: AbortController | undefined

  constructor(options: EditorSessionOptions) {
    const { conversation, client, grants, directory, hasForms, isShared } = options
    this.#options = options
    const send = (update: SessionUpdate) =>
      client.notify('session/update', { sessionId: conversation.id, update })
    this.#shown = new ShownMessages({ directory, send })
    this.#human = new EditorHuman({
      client,
      sessionId: conversation.id,
      grants,
      directory,
      hasForms,
      isShared,
      ask: (messageId, question) => this.#shown.say(messageId, `\n\n${question}\n`),
    })
  }

  /** Shows the stored messages that the editor does not have. */
  async replay(): Promise<void> {
    const { conversation, directory } = this.#options
    const messages = (await conversation.messages()).filter(({ id }) => !this.#known.has(id))
    for (const { id } of messages) this.#known.add(id)
    for (const update of historyUpdates(messages, directory)) await this.#shown.send(update)
  }

  /** Notes the stored messages as those that the editor has. */
  async skipHistory(): Promise<void> {
    for (const { id } of await this.#options.conversation.messages()) this.#known.add(id)
  }

  /** Begins to show the answers of the conversation, beginning with the one that runs or waits. */
  follow(): void {
    this.#following ??= this.#follow().catch(this.#options.report)
  }

  /** @throws LoomError `busy` while another prompt runs; the errors of the conversation */
  async prompt(blocks: readonly ContentBlock[], signal: AbortSignal): Promise<StopReason> {
    if (this.#prompt !== undefined) {
      throw new LoomError('busy', 'A prompt of this session is running. Cancel it, or wait.')
    }
    const stopping = new AbortController()
    const prompt: RunningPrompt = {
      stopping,
      messageId: undefined,
      asked: undefined,
      rest: undefined,
    }
    this.#prompt = prompt
    const cancel = () => this.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    this.#asking?.abort()
    try {
      const played = await this.#play(await this.#begin(blocks), prompt)
      const { rest } = prompt
      const turn =
        rest === undefined ? played : await untilAborted(stopping.signal, () => rest.promise)
      await this.#shown.untilShown(played.message.id, shownMs)
      await this.#options.conversation.save()
      if (turn.errorText !== undefined) throw new LoomError('model-failed', turn.errorText)
      return stopReasonOf(turn, stopping.signal.aborted)
    } catch (error) {
      // The message was withdrawn before its turn began, or the user stopped the wait for another client.
      const isWithdrawn = error instanceof LoomError && error.code === 'refused'
      if (stopping.signal.aborted && (isWithdrawn || prompt.rest !== undefined)) return 'cancelled'
      throw error
    } finally {
      signal.removeEventListener('abort', cancel)
      this.#prompt = undefined
    }
  }

  /** Stops the prompt that runs. */
  cancel(): void {
    const prompt = this.#prompt
    if (prompt === undefined || prompt.stopping.signal.aborted) return
    prompt.stopping.abort()
    const { messageId } = prompt
    const { conversation, report } = this.#options
    void conversation.stop({ ...(messageId !== undefined && { messageId }) }).catch(report)
  }

  /** Ends the reading. A prompt that runs is stopped, and other answers continue. */
  async close(): Promise<void> {
    const { conversation, isShared, report } = this.#options
    this.cancel()
    if (!isShared && this.#prompt !== undefined) await conversation.stop().catch(report)
    this.#closing.abort()
    await this.#following
  }

  async #begin(blocks: readonly ContentBlock[]): Promise<Events> {
    const { conversation } = this.#options
    const { signal } = this.#closing
    const question = this.#human.open
    this.#human.open = undefined
    if (question !== undefined) {
      const { messageId, toolCallId, others } = question
      const output = promptText(blocks)
      const answer = { type: 'output' as const, toolCallId, output }
      try {
        return await conversation.answer(messageId, [...others, answer], signal)
      } catch (error) {
        // Another client has answered, so the prompt is a message like any other.
        if (!(error instanceof LoomError) || error.code !== 'refused') throw error
      }
    }
    const message = promptMessage(blocks)
    this.#known.add(message.id)
    if (this.#prompt !== undefined) this.#prompt.messageId = message.id
    const events = await conversation.send(message, signal)
    // The cancel may have come before the message.
    if (this.#prompt?.stopping.signal.aborted === true) {
      await conversation.stop({ messageId: message.id })
    }
    return events
  }

  #play(events: Events, prompt: RunningPrompt): Promise<PlayedTurn> {
    return play(events, {
      conversation: this.#options.conversation,
      human: {
        answers: async (message, signal) => {
          const asking = new AbortController()
          prompt.asked = { messageId: message.id, asking }
          const either = AbortSignal.any([signal, asking.signal])
          const answers = await this.#human.answers(message, either)
          prompt.asked = undefined
          return answers
        },
      },
      onEvent: (event) => {
        if (event.type === 'start') this.#known.add(event.messageId ?? '')
        this.#shown.add('prompt', event)
      },
      pause: () => {},
      resume: () => {},
      whenWritable: () => this.#shown.written,
      stopping: prompt.stopping.signal,
      signal: this.#closing.signal,
    })
  }

  // The follower

  async #follow(): Promise<void> {
    const { conversation, report } = this.#options
    const { signal } = this.#closing
    while (!signal.aborted) {
      const reading = newReading('')
      try {
        this.#shown.beginAgain()
        for await (const event of await conversation.follow(signal)) {
          await this.#onFollowed(event, reading)
        }
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof LoomError && error.code === 'gone') return
        if (!(error instanceof LoomError) || error.code !== 'unavailable') report(error)
      }
      await delay(retryMs, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  async #onFollowed(event: AgentEvent, reading: Reading): Promise<void> {
    if (event.type === 'data-user-message' && 'data' in event) {
      const message = postedIn(event.data)
      if (message === undefined || this.#known.has(message.id)) return
      this.#known.add(message.id)
      for (const update of userUpdates(message)) await this.#shown.send(update)
      return
    }
    if (event.type === 'data-queue') return
    this.#asking?.abort()
    if (event.type === 'start' && event.messageId !== reading.turn.message.id) {
      Object.assign(reading, newReading(event.messageId ?? ''))
      await this.#catchUp(event.messageId ?? '')
    }
    this.#takeOver(reading.turn.message.id)
    reading.fold.add(event)
    if (event.type === 'error') reading.turn.errorText = event.errorText
    if (event.type === 'abort') reading.turn.isStopped = true
    this.#shown.add('follower', event)
    await this.#shown.written
    if (event.type !== 'finish') return
    reading.turn.finishReason = event.finishReason
    if (pendingParts(reading.turn.message).length > 0) this.#askAbout(reading.turn.message)
    else if (this.#shown.isOfPrompt(reading.turn.message.id))
      this.#prompt?.rest?.resolve(reading.turn)
  }

  /** Shows the messages that came while nothing followed the conversation. */
  async #catchUp(messageId: string): Promise<void> {
    const isNew = !this.#known.has(messageId)
    this.#known.add(messageId)
    if (isNew && this.#prompt === undefined) await this.replay()
  }

  /** An answer that goes on while its prompt asks was decided on by another client. */
  #takeOver(messageId: string): void {
    const prompt = this.#prompt
    if (prompt?.asked?.messageId !== messageId || !this.#shown.isRead(messageId)) return
    prompt.rest = Promise.withResolvers()
    prompt.asked.asking.abort()
    prompt.asked = undefined
    this.#shown.giveToFollower(messageId)
  }

  /** Asks about an answer that waits, if no prompt of this editor does. */
  #askAbout(message: FoldedMessage): void {
    const isOfOthers = this.#prompt === undefined && !this.#shown.isOfPrompt(message.id)
    if (!isOfOthers && this.#prompt?.rest === undefined) return
    const asking = new AbortController()
    this.#asking = asking
    const { conversation, report } = this.#options
    const signal = AbortSignal.any([asking.signal, this.#closing.signal])
    const ask = async () => {
      const answers = await this.#human.answers(message, signal)
      if (answers !== undefined && answers.length > 0) {
        await conversation.settle(message.id, answers)
      }
    }
    void ask().catch((error: unknown) => {
      if (!signal.aborted) report(error)
    })
  }
}

interface Reading {
  fold: MessageFold
  turn: TurnEnd
}

function newReading(id: string): Reading {
  const fold = new MessageFold({ id, role: 'assistant', parts: [] })
  const turn = {
    message: fold.message,
    isStopped: false,
    finishReason: undefined,
    errorText: undefined,
  }
  return { fold, turn }
}

function stopReasonOf({ message, isStopped, finishReason }: TurnEnd, isCancelled: boolean) {
  if (isStopped || isCancelled) return 'cancelled'
  if (finishReason === 'length') return 'max_tokens'
  if (finishReason === 'content-filter') return 'refusal'
  const { outcome } = fieldsOf(message.metadata)
  return outcome === 'max-steps' ? 'max_turn_requests' : 'end_turn'
}
