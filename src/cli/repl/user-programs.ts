/** The programs that the user runs from a conversation: `!command`, and the editor of Ctrl-G. */
import type { LocalChat } from '../open-conversations.ts'
import type { Talk } from '../talk.ts'
import type { Keyboard } from './keyboard.ts'
import { editText, runShell } from './outside.ts'

export interface UserProgramsOptions {
  /** Undefined without a terminal. */
  keyboard: Keyboard | undefined
  /** Undefined if a server answers. */
  local: LocalChat | undefined
}

export class UserPrograms {
  readonly #talk: Talk
  readonly #options: UserProgramsOptions
  /** The outputs of `!command` since the last message. */
  readonly #outputs: string[] = []

  constructor(talk: Talk, options: UserProgramsOptions) {
    this.#talk = talk
    this.#options = options
  }

  /** The outputs that the next message carries to the model. They are returned once. */
  takeOutputs(): string[] {
    return this.#outputs.splice(0)
  }

  /** Runs a command of the user. The next message carries its output to the model. */
  async shell(command: string): Promise<void> {
    const { program } = this.#talk
    const directory = this.#options.local?.directory ?? program.cwd()
    let isMidLine = false
    const show = (text: string) => {
      program.stderr.write(text)
      isMidLine = !text.endsWith('\n')
    }
    const options = { directory, environment: program.env, show }
    // A Ctrl-C from before the start of the command stops the command.
    if (this.#options.keyboard?.takeInterrupt() === true) {
      this.#talk.screen.note(this.#talk.screen.paint('yellow', '(stopped)'))
      return
    }
    this.#outputs.push(await this.#outside(() => runShell(command, options)))
    // The prompt begins on a new line.
    if (isMidLine) program.stderr.write('\n')
  }

  /** @returns the text as the user's editor left it */
  async edit(text: string): Promise<string> {
    const edited = await this.#outside(() => editText(text, this.#talk.program.env))
    return edited.trimEnd()
  }

  /** Gives the terminal to another program until `work` ends. */
  async #outside(work: () => Promise<string>): Promise<string> {
    const { interrupts } = this.#talk
    const { keyboard } = this.#options
    keyboard?.close()
    interrupts.ignoresSigint = true
    try {
      return await work()
    } finally {
      interrupts.ignoresSigint = false
      keyboard?.open()
    }
  }
}
