/**
 * A conversation at a terminal (or, from a pipe, a message a line): reads, sends, shows, and again.
 * While an answer is made Ctrl-C stops it; at the prompt Ctrl-C clears the line, and twice quits.
 */
import { setTimeout as delay } from 'node:timers/promises'

import { errorMessage, LoomError } from '../../ground/error.ts'
import type { Grants } from '../approval.ts'
import type { Conversation, Events } from '../conversation.ts'
import { exitCodes } from '../exit-code.ts'
import type { LineReader } from '../human.ts'
import type { LocalChat } from '../open-conversations.ts'
import { plain } from '../render/plain.ts'
import type { Talk } from '../talk.ts'
import { Commands, isCommand } from './commands.ts'
import { fileCompleter } from './file-completion.ts'
import { History } from './history.ts'
import type { Keyboard } from './keyboard.ts'
import type { LineRead } from './line-read.ts'
import { openLines } from './line-source.ts'
import { recall, recallQuestion } from './recall.ts'
import { showTurn } from './show-turn.ts'
import { Spending } from './spending.ts'
import { UserPrograms } from './user-programs.ts'

export interface ConverseOptions {
  /** What is said first, if anything. */
  first: string
  /** Undefined where there is no terminal. */
  keyboard: Keyboard | undefined
  /** Undefined where a server answers. */
  local: LocalChat | undefined
  grants: Grants
}

/** How often a conversation that others may use too is looked at. */
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
  /** The message that was shown last, so that it is not shown again. */
  #seenId: string | undefined
  /** The last answer could not be written down. */
  #isUnkept = false
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
        // What is typed from now on is for the first line.
        this.#options.keyboard?.open()
        this.#options.keyboard?.probe()
        await this.#history.load()
        await this.#guarded(() => this.#greet())
        // From a pipe nobody could answer what may be waiting there.
        await this.#guarded(() => this.#watch())
      }
      if (this.#options.first !== '') await this.#say(this.#options.first)
      await this.#loop(ending.signal)
      if (this.#isTerminal) await this.#guarded(() => this.#part())
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
        if (!ending.aborted) await this.#guarded(() => this.#watch())
        continue
      }
      if (read.type === 'found') {
        text = read.text
        continue
      }
      if (read.type === 'edit') {
        text = (await this.#guarded(() => this.#programs.edit(read.text))) ?? read.text
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
      if ((await this.#obey(read.text)) === 'quit') return
    }
  }

  /** Runs a line that is a command, sends any other. */
  async #obey(text: string): Promise<'quit' | undefined> {
    const line = text.trim()
    if (line.startsWith('!') && line.length > 1 && this.#isTerminal) {
      await this.#guarded(() => this.#programs.shell(line.slice(1).trim()))
      return undefined
    }
    if (isCommand(line)) return this.#guarded(() => this.#commands.run(line))
    // The first line of a pasted piece may begin with a tab that means something.
    const said = line.startsWith('//') ? line.slice(1) : text.trimEnd()
    await this.#say([...this.#programs.takeOutputs(), said].join('\n\n'))
    return undefined
  }

  /** A line; or, where others may talk here too, that something is being answered. */
  async #read(ending: AbortSignal, text: string): Promise<LineRead> {
    const { screen, conversations } = this.#talk
    const stirring = new AbortController()
    const signal = AbortSignal.any([ending, stirring.signal])
    const prompt = `${screen.paint(['bold', 'green'], '›')} `
    const isShared = conversations.isShared && this.#isTerminal
    const over = new AbortController()
    if (isShared) void this.#lookOut(stirring, over.signal)
    const { local } = this.#options
    const completer = fileCompleter(local?.directory ?? this.#talk.program.cwd())
    const history = this.#history.lines
    let read = await this.#lines.read(prompt, { signal, history, text, completer })
    over.abort()
    // A line that ends in a backslash goes on.
    while (read.type === 'line' && read.text.endsWith('\\')) {
      const more = await this.#lines.read('… ', { signal: ending })
      if (more.type !== 'line') return more
      read = { type: 'line', text: `${read.text.slice(0, -1)}\n${more.text}` }
    }
    return read
  }

  /** Until the line is read. */
  async #lookOut(stirring: AbortController, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      try {
        await delay(watchMs, undefined, { signal: over })
        const running = await this.#conversation.running()
        if (running !== undefined && running !== this.#seenId) stirring.abort()
      } catch {
        // A server that is away for a moment; the next look tells.
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
    for (const line of screen.fitted(`/help says what there is · ${conversations.place}`))
      screen.note(screen.paint('dim', line))
    await recall(this.#conversation, this.#talk.screen)
    screen.note('')
  }

  /** How to come back, where there is something to come back to. */
  async #part(): Promise<void> {
    const { screen, conversations, flags } = this.#talk
    const { id } = this.#conversation
    if (
      this.#isUnkept ||
      !conversations.isKept ||
      (await this.#conversation.messages()).length === 0
    )
      return
    const at = flags.url === undefined ? '' : ` --url ${flags.url}`
    screen.note(screen.paint('dim', `loom chat --session ${id}${at} goes on with this`))
  }

  async #change(conversation: Conversation): Promise<void> {
    this.#conversation = conversation
    this.#seenId = undefined
    const { screen, gauge } = this.#talk
    gauge.leave()
    screen.note(screen.paint('dim', `session ${conversation.id}`))
    await recall(this.#conversation, this.#talk.screen)
  }

  async #say(text: string): Promise<void> {
    await this.#guarded(async () => {
      const { leaving } = this.#talk.interrupts
      await this.#show(await this.#conversation.send(text, leaving))
    })
  }

  /** Shows what is being answered, if anything is. */
  async #watch(): Promise<void> {
    const running = await this.#conversation.running()
    if (running === undefined || running === this.#seenId) return
    const events = await this.#conversation.watch(this.#talk.interrupts.leaving)
    if (events === undefined) return
    const { screen } = this.#talk
    await recallQuestion(this.#conversation, screen)
    await this.#show(events)
    screen.note('')
  }

  async #show(events: Events): Promise<void> {
    const conversation = this.#conversation
    const { keyboard, local } = this.#options
    this.#talk.gauge.window = await local?.windowNow()
    try {
      const played = await showTurn(events, {
        talk: this.#talk,
        conversation,
        keyboard: this.#isTerminal ? keyboard : undefined,
        onStart: (messageId) => (this.#seenId = messageId),
      })
      this.#spending.add(played.message.metadata)
      if (played.errorText !== undefined) this.#failed()
    } finally {
      await this.#keep(conversation)
    }
  }

  /** That a session cannot be kept is told once: its talk goes on all the same. */
  async #keep(conversation: Conversation): Promise<void> {
    try {
      await conversation.save()
      this.#isUnkept = false
    } catch (error) {
      if (!this.#isUnkept) this.#tell(error)
      this.#isUnkept = true
    }
  }

  /** What fails here is told, and the conversation goes on. */
  async #guarded<VALUE>(work: () => Promise<VALUE>): Promise<VALUE | undefined> {
    try {
      return await work()
    } catch (error) {
      if (!this.#talk.interrupts.leaving.aborted) this.#tell(error)
      return undefined
    }
  }

  #tell(error: unknown): void {
    const { screen } = this.#talk
    screen.error(screen.paint('red', `loom: ${plain(errorMessage(error))}`))
    const isOurs = !(error instanceof LoomError) && error instanceof Error
    if (isOurs && error.stack !== undefined) screen.note(screen.paint('dim', error.stack))
    this.#failed()
  }

  /** At a terminal whoever sits there has seen it; a script is told at the end. */
  #failed(): void {
    if (!this.#isTerminal) this.#exitCode = exitCodes.failed
  }
}
