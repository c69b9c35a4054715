/** The commands of a conversation: lines that begin with a slash and are not paths. */
import { existsSync } from 'node:fs'

import { LoomError } from '../../ground/error.ts'
import { nearestNames } from '../../ground/nearest.ts'
import type { Conversation, ConversationSummary } from '../conversation.ts'
import type { LocalChat } from '../open-conversations.ts'
import { taskLines, taskSum } from '../render/task-lines.ts'
import { sessionTable } from '../session-table.ts'
import type { Talk } from '../talk.ts'
import { helpText } from './help-text.ts'
import type { Spending } from './spending.ts'

export interface CommandsOptions {
  talk: Talk
  /** Undefined if a server answers. */
  local: LocalChat | undefined
  spending: Spending
  conversation: () => Conversation
  change: (to: Conversation) => Promise<void>
}

const names = ['help', 'model', 'tools', 'cost', 'tasks', 'clear', 'sessions', 'quit', 'exit']

/** Whether a line is a command. `/etc/hosts` and `/tmp` are paths, so their lines are messages. */
export function isCommand(line: string): boolean {
  const [, name] = /^\/([^\s/.]*)(?:\s|$)/.exec(line) ?? []
  if (name === undefined) return false
  return names.includes(name) || name === '' || !existsSync(`/${name}`)
}

export class Commands {
  readonly #options: CommandsOptions
  /** The sessions of the last numbered list. */
  #lastList: ConversationSummary[] = []

  constructor(options: CommandsOptions) {
    this.#options = options
  }

  /** The name of the model. Undefined if it is not known. */
  modelName(): string | undefined {
    const { local } = this.#options
    if (local === undefined) return undefined
    const { model } = local.settings
    return typeof model === 'string' ? model : local.defaultModel
  }

  /** Runs a line. @throws LoomError for an unknown command or a wrong argument */
  async run(line: string): Promise<'quit' | undefined> {
    const [, name = '', rest = ''] = /^\/(\S*)\s*(.*)$/s.exec(line) ?? []
    const words = rest.trim()
    switch (name) {
      case 'help':
        this.#say(helpText(this.#options.talk.screen.columns))
        return undefined
      case 'model':
        await this.#model(words)
        return undefined
      case 'tools':
        await this.#tools(words)
        return undefined
      case 'cost':
        this.#say(this.#options.spending.text())
        return undefined
      case 'tasks':
        await this.#tasks(words)
        return undefined
      case 'clear':
        await this.#options.change(await this.#options.talk.conversations.open())
        return undefined
      case 'sessions':
        await this.#sessions(words)
        return undefined
      case 'quit':
      case 'exit':
        return 'quit'
      default:
        throw unknownCommand(name)
    }
  }

  #say(text: string): void {
    // The user asked for this text, so it is shown also with `--quiet`.
    const { screen } = this.#options.talk
    for (const line of screen.breakLines(text)) screen.error(line)
  }

  async #model(reference: string): Promise<void> {
    const { settings, models } = this.#local('model')
    if (reference !== '') {
      await models.resolve(reference)
      settings.model = reference
    }
    this.#say(`model ${this.modelName()}`)
  }

  async #tools(words: string): Promise<void> {
    const { settings, toolsOf, toolNames } = this.#local('tools')
    if (words === 'own') settings.tools = undefined
    else if (words === 'none') settings.tools = []
    else if (words !== '') settings.tools = await toolsOf(words.split(/[\s,]+/).filter(Boolean))
    const tools = await toolNames()
    this.#say(tools.length === 0 ? 'no tools' : `tools ${tools.join(', ')}`)
  }

  async #tasks(word: string): Promise<void> {
    const conversation = this.#options.conversation()
    if (word === 'stop') await conversation.stop({ tree: true })
    else if (word !== '')
      throw new LoomError('invalid-request', '/tasks takes no word except "stop".')
    const tasks = await conversation.tasks()
    const { screen } = this.#options.talk
    if (tasks.length === 0) return this.#say('no tasks')
    const { columns, paint } = screen
    for (const line of taskLines(tasks, { columns: columns - 1, paint, root: conversation.id }))
      screen.error(line)
    this.#say(taskSum(tasks))
  }

  async #sessions(word: string): Promise<void> {
    const { talk, change } = this.#options
    if (word === '') {
      this.#lastList = (await talk.conversations.list()).slice(0, 20)
      const table = sessionTable(this.#lastList, {
        width: talk.screen.width,
        isNumbered: true,
        here: this.#options.local?.directory ?? '',
      })
      this.#say(table.trimEnd())
      return
    }
    const listed = /^\d{1,2}$/.test(word) ? this.#lastList[Number(word) - 1] : undefined
    const id = listed?.id ?? word
    const summary = listed ?? (await talk.conversations.list()).find((session) => session.id === id)
    if (summary === undefined) throw new LoomError('not-found', `There is no session ${word}.`)
    const conversation = await talk.conversations.open(id)
    const missing = await this.#options.local?.keepModel(conversation)
    if (missing !== undefined) this.#say(missing)
    await change(conversation)
  }

  #local(what: string): LocalChat {
    const { local } = this.#options
    if (local !== undefined) return local
    throw new LoomError(
      'invalid-request',
      `The server decides about its ${what}. Leave out --url to choose here.`,
    )
  }
}

function unknownCommand(name: string): LoomError {
  const [near] = nearestNames(name, names)
  const hint = near === undefined ? '/help lists the commands.' : `Did you mean /${near}?`
  return new LoomError('invalid-request', `There is no command /${name}. ${hint}`)
}
