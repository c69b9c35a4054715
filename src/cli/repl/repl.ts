/**
 * The loop of a conversation: it reads a line, sends it and shows the answer. The lines come from a
 * terminal or a pipe. During an answer, Ctrl-C stops it. At the prompt, Ctrl-C clears the line, and
 * a second one quits. The file is long because each line, key and answer changes one state: the current
 * conversation, the message that was shown last, and the exit code.
 */
import { setTimeout as delay } from 'node:timers/promises'

import { errorMessage, LoomError } from '../../ground/error.ts'
import type { Grants } from '../approval.ts'
import type { Conversation, Events } from '../conversation.ts'
import { exitCodes } from '../exit-code.ts'
import type { LineReader } from '../human.ts'
import type { LocalChat } from '../open-conversations.ts'
import { plain } from '../render/plain.ts'
import { isUnfinished, lostTasks } from '../render/task-lines.ts'
import type { Talk } from '../talk.ts'
import { Commands, isCommand } from './commands.ts'
import { fileCompleter } from './file-completion.ts'
import { History } from './history.ts'
import type { Keyboard } from './keyboard.ts'
import type { LineRead } from './line-read.ts'
import { openLines } from './line-source.ts'
import { recall, recallAfter, recallQuestion } from './recall.ts'
import { showTurn } from './show-turn.ts'
import { Spending } from './spending.ts'
import { UserPrograms } from './user-programs.ts'

export interface ConverseOptions {
  /** The first message. Empty if there is none. */
  first: string
  /** Undefined without a terminal. */
  keyboard: Keyboard | undefined
  /** Undefined if a server answers. */
  local: LocalChat | undefined
  grants: Grants
}

/** The interval between two checks of a shared conversation, in milliseconds. */
const watchMs = 1500

/** @returns the exit code */
export async function converse(talk: Talk, options: ConverseOptions): Promise<number> {
  const repl = new Repl(talk, options)
  return repl.run()
}

class Repl {
  readonly #talk: Talk
  readonly #options: ConverseOptions
  readonly #lines: LineReader & { close: () => void }
  readonly #history: History
  readonly #commands: Commands
  readonly #spending = new Spending()
  readonly #programs: UserPrograms
  readonly #isTerminal: boolean
  #conversation: Conversation
  /** The message that was shown last. It is not shown again. */
  #lastShownId: string | undefined
  /** Whether the last answer could not be stored. */
  #isStoreFailed = false
  /** Whether tasks of the session run in the background. */
  #hasTasks = false
  #exitCode: number = exitCodes.done

  constructor(talk: Talk, options: ConverseOptions) {
    this.#talk = talk
    this.#options = options
    this.#conversation = talk.conversation
    const { stdin, env } = talk.program
    this.#isTerminal = stdin.isTTY && options.keyboard !== undefined
    this.#lines =
      this.#isTerminal && options.keyboard !== undefined ? options.keyboard : openLines(stdin)
    this.#history = new History(env)
    this.#programs = new UserPrograms(talk, options)
    this.#commands = new Commands({
      talk,
      local: options.local,
      spending: this.#spending,
      conversation: () => this.#conversation,
      change: (to) => this.#change(to),
    })
  }

  async run(): Promise<number> {
    const { interrupts } = this.#talk
    const ending = new AbortController()
    interrupts.onStop = () => {
      ending.abort()
      void this.#conversation.stop().catch(() => undefined)
    }
    try {
      if (this.#isTerminal) {
        // Keys from now on belong to the first line.
        this.#options.keyboard?.open()
        this.#options.keyboard?.probe()
        await this.#history.load()
        await this.#attempt(() => this.#greet())
        // Only at a terminal: in a pipe, no human could answer an open call of the session.
        await this.#attempt(() => this.#watch())
      }
      if (this.#options.first !== '') await this.#send(this.#options.first)
      await this.#loop(ending.signal)
      if (this.#isTerminal) {
        await this.#attempt(() => this.#showLostTasks())
        await this.#attempt(() => this.#showReturn())
      }
    } finally {
      this.#lines.close()
    }
    return interrupts.exitCode ?? this.#exitCode
  }

  async #loop(ending: AbortSignal): Promise<void> {
    const { screen } = this.#talk
    let isLeaving = false
    let text = ''
    while (!ending.aborted) {
      const read = await this.#read(ending, text)
      text = ''
      if (read.type === 'end') return
      if (read.type === 'left') {
        text = read.text
        if (!ending.aborted) await this.#attempt(() => this.#watch())
        continue
      }
      if (read.type === 'found') {
        text = read.text
        continue
      }
      if (read.type === 'edit') {
        text = (await this.#attempt(() => this.#programs.edit(read.text))) ?? read.text
        continue
      }
      if (read.type === 'interrupt') {
        if (isLeaving) return
        isLeaving = true
        screen.note(screen.paint('dim', 'Ctrl-C again to quit, or /quit'))
        continue
      }
      isLeaving = false
      if (read.text.trim() === '') continue
      if (this.#isTerminal) await this.#history.add(read.text)
      if ((await this.#handle(read.text)) === 'quit') return
    }
  }

  /** Runs a line that is a command, and sends any other line. */
  async #handle(text: string): Promise<'quit' | undefined> {
    const line = text.trim()
    if (line.startsWith('!') && line.length > 1 && this.#isTerminal) {
      await this.#attempt(() => this.#programs.shell(line.slice(1).trim()))
      return undefined
    }
    if (isCommand(line)) return this.#attempt(() => this.#commands.run(line))
    // The start of the text is not trimmed, because a tab at the start of pasted text may matter.
    const message = line.startsWith('//') ? line.slice(1) : text.trimEnd()
    await this.#send([...this.#programs.takeOutputs(), message].join('\n\n'))
    return undefined
  }

  /**
   * Reads a line. In a shared conversation, it returns early if another client starts an answer.
   */
  async #read(ending: AbortSignal, text: string): Promise<LineRead> {
    const { screen, conversations } = this.#talk
    const activity = new AbortController()
    const signal = AbortSignal.any([ending, activity.signal])
    const prompt = `${screen.paint(['bold', 'green'], '›')} `
    // The result of a background task begins an answer too.
    const isShared = (conversations.isShared || this.#hasTasks) && this.#isTerminal
    const over = new AbortController()
    if (isShared) void this.#watchForActivity(activity, over.signal)
    const { local } = this.#options
    const completer = fileCompleter(local?.directory ?? this.#talk.program.cwd())
    const history = this.#history.lines
    let read = await this.#lines.read(prompt, { signal, history, text, completer })
    over.abort()
    // A line that ends in a backslash continues on the next line.
    while (read.type === 'line' && read.text.endsWith('\\')) {
      const more = await this.#lines.read('… ', { signal: ending })
      if (more.type !== 'line') return more
      read = { type: 'line', text: `${read.text.slice(0, -1)}\n${more.text}` }
    }
    return read
  }

  /** Aborts `activity` when a new answer runs. It ends when `over` aborts. */
  async #watchForActivity(activity: AbortController, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      try {
        await delay(watchMs, undefined, { signal: over })
        const latest = await this.#conversation.latest()
        if (latest !== undefined && latest !== this.#lastShownId) activity.abort()
      } catch {
        // The server may be unavailable for a moment. The next check repeats the request.
      }
    }
  }

  async #greet(): Promise<void> {
    const { screen, conversations } = this.#talk
    const model = this.#commands.modelName()
    const what = [
      `agent ${conversations.agent}`,
      ...(model === undefined ? [] : [`model ${model}`]),
    ]
    screen.note(`${screen.paint('bold', 'loom')}  ${screen.paint('dim', what.join(' · '))}`)
    for (const line of screen.breakLines(`/help lists the commands · ${conversations.place}`))
      screen.note(screen.paint('dim', line))
    await recall(this.#conversation, this.#talk.screen)
    screen.note('')
  }

  /** Shows the command that continues this conversation, if it is stored. */
  async #showReturn(): Promise<void> {
    const { screen, conversations, flags } = this.#talk
    const { id } = this.#conversation
    if (
      this.#isStoreFailed ||
      !conversations.isStored ||
      (await this.#conversation.messages()).length === 0
    )
      return
    const at = flags.url === undefined ? '' : ` --url ${flags.url}`
    screen.note(screen.paint('dim', `loom chat --session ${id}${at} continues this session`))
  }

  /** Says that tasks of this process end with it. Those of a server or of Redis continue elsewhere. */
  async #showLostTasks(): Promise<void> {
    const { screen, conversations } = this.#talk
    if (!this.#hasTasks || conversations.isShared) return
    const line = lostTasks(await this.#conversation.tasks())
    if (line !== undefined) screen.error(screen.paint('yellow', line))
  }

  async #change(conversation: Conversation): Promise<void> {
    this.#conversation = conversation
    this.#lastShownId = undefined
    const { screen, gauge } = this.#talk
    gauge.leave()
    screen.note(screen.paint('dim', `session ${conversation.id}`))
    await recall(this.#conversation, this.#talk.screen)
  }

  async #send(text: string): Promise<void> {
    await this.#attempt(async () => {
      const { leaving } = this.#talk.interrupts
      await this.#show(await this.#conversation.send(text, leaving))
    })
  }

  /** Shows the running answer, if there is one. */
  async #watch(): Promise<void> {
    const running = await this.#conversation.running()
    if (running === undefined) return this.#showMissed()
    if (running === this.#lastShownId) return
    const events = await this.#conversation.watch(this.#talk.interrupts.leaving)
    if (events === undefined) return
    const { screen } = this.#talk
    await recallQuestion(this.#conversation, screen)
    await this.#show(events)
    screen.note('')
  }

  /** Shows the answers that began and ended between two checks. */
  async #showMissed(): Promise<void> {
    const latest = await this.#conversation.latest()
    // `recall` has shown the answers before.
    this.#lastShownId ??= latest
    if (this.#lastShownId === undefined || latest === this.#lastShownId) return
    await recallAfter(this.#lastShownId, this.#conversation, this.#talk.screen)
    this.#lastShownId = latest
    await this.#noteTasks()
  }

  /** Notes whether tasks run in the background. Their results come without a message of the user. */
  async #noteTasks(): Promise<void> {
    this.#hasTasks = (await this.#conversation.tasks()).some(isUnfinished)
  }

  async #show(events: Events): Promise<void> {
    const conversation = this.#conversation
    const { keyboard, local } = this.#options
    this.#talk.gauge.window = await local?.windowNow()
    try {
      const turn = await showTurn(events, {
        talk: this.#talk,
        conversation,
        keyboard: this.#isTerminal ? keyboard : undefined,
        onStart: (messageId) => (this.#lastShownId = messageId),
      })
      this.#spending.add(turn.message.metadata)
      if (turn.errorText !== undefined) this.#markFailed()
      if (this.#isTerminal) await this.#noteTasks()
    } finally {
      await this.#store(conversation)
    }
  }

  /** Stores the conversation. A failure is reported once, and the conversation continues. */
  async #store(conversation: Conversation): Promise<void> {
    try {
      await conversation.save()
      this.#isStoreFailed = false
    } catch (error) {
      if (!this.#isStoreFailed) this.#report(error)
      this.#isStoreFailed = true
    }
  }

  /** Runs `work` and reports its failure. The conversation continues. */
  async #attempt<VALUE>(work: () => Promise<VALUE>): Promise<VALUE | undefined> {
    try {
      return await work()
    } catch (error) {
      if (!this.#talk.interrupts.leaving.aborted) this.#report(error)
      return undefined
    }
  }

  #report(error: unknown): void {
    const { screen } = this.#talk
    screen.error(screen.paint('red', `loom: ${plain(errorMessage(error))}`))
    const isOurs = !(error instanceof LoomError) && error instanceof Error
    if (isOurs && error.stack !== undefined) screen.note(screen.paint('dim', error.stack))
    this.#markFailed()
  }

  /** Sets the exit code for a script. At a terminal the user has already seen the failure. */
  #markFailed(): void {
    if (!this.#isTerminal) this.#exitCode = exitCodes.failed
  }
}
