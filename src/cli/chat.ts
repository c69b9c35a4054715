/**
 * `loom chat`: decides between one question and a conversation, opens the session, the terminal and
 * the screen, and returns the exit code.
 */
import { errorMessage, LoomError } from '../ground/error.ts'
import { withResource } from '../ground/resource.ts'
import { keepRunning } from '../ground/unhandled-failures.ts'
import type { CommandWorld } from './app.ts'
import { Grants } from './approval.ts'
import { type ChatFlags, checkFlags, formatOf } from './chat-options.ts'
import { type Conversation, type Conversations, lastIn } from './conversation.ts'
import { Human, type LineReader } from './human.ts'
import { type Interrupts, openInterrupts } from './interrupts.ts'
import { askOnce } from './one-shot.ts'
import type { LocalChat } from './open-conversations.ts'
import { readPrompt } from './prompt-input.ts'
import { Gauge } from './render/gauge.ts'
import { plainLine } from './render/plain.ts'
import { Screen } from './render/screen.ts'
import { Keyboard } from './repl/keyboard.ts'
import { errorResult, resultLine } from './result.ts'
import type { Talk } from './talk.ts'
import { openTerminal } from './terminal.ts'

/** @returns the exit code @throws LoomError for an error before the first message is sent */
export async function chat(
  world: CommandWorld,
  words: readonly string[],
  flags: ChatFlags,
): Promise<number> {
  try {
    return await hold(world, words, flags)
  } catch (error) {
    // A program that reads JSON from stdout also reads the error there.
    const format = formatOf(flags)
    if (format !== 'text') world.program.stdout.write(resultLine(errorResult(error), format))
    throw error
  }
}

async function hold(
  world: CommandWorld,
  words: readonly string[],
  flags: ChatFlags,
): Promise<number> {
  checkFlags(flags, words)
  return withResource(openInterrupts(world.program), (interrupts) =>
    holdUntil(interrupts, { world, words, flags }),
  )
}

interface Order {
  world: CommandWorld
  words: readonly string[]
  flags: ChatFlags
}

async function holdUntil(interrupts: Interrupts, { world, words, flags }: Order): Promise<number> {
  const { program } = world
  const { stdout, stderr, env: environment } = program
  const isInteractive = wantsConversation(program.stdin, words, flags)
  const screen = new Screen({ stdout, stderr, environment, isQuiet: flags.quiet === true })
  keepRunning(program, (error) => screen.note(`loom: ${plainLine(errorMessage(error))}`))
  const prompt =
    isInteractive || flags.watch === true
      ? words.join(' ')
      : await readQuestion(program, { words, screen, interrupts })
  if (prompt === undefined) return interrupts.exitCode ?? 0
  const grants = new Grants({ everything: flags.yes === true, names: flags.allow ?? [] })
  const { local, conversations } = await open(world, { flags, grants, isInteractive })
  const own = { local, flags, screen, interrupts, grants, isInteractive, prompt }
  return withResource(conversations, () => converseWith(conversations, { program, ...own }))
}

interface Opened {
  program: NodeJS.Process
  local: LocalChat | undefined
  flags: ChatFlags
  screen: Screen
  interrupts: Interrupts
  grants: Grants
  isInteractive: boolean
  prompt: string
}

async function converseWith(
  conversations: Conversations,
  { program, local, flags, screen, interrupts, grants, isInteractive, prompt }: Opened,
): Promise<number> {
  const conversation = await conversationOf(conversations, { flags, here: local?.directory })
  if (flags.continue === true || local?.stored !== undefined) {
    const missing = await local?.keepModel(conversation)
    const lines = continuedLines(conversation, local)
    if (missing !== undefined) lines.push(`loom: ${missing}`)
    for (const line of lines) screen.note(screen.paint('dim', line))
  }
  const terminal = openTerminal(program)
  const keyboard = terminal === undefined ? undefined : new Keyboard(terminal)
  const human = new Human({
    screen,
    grants,
    lines: linesOf(keyboard, isInteractive),
    isAlone: !conversations.isShared,
  })
  // Every exit path restores the terminal.
  program.once('exit', () => keyboard?.close())
  const gauge = new Gauge()
  gauge.window = await local?.windowNow()
  const sides = { conversations, conversation, human }
  const talk: Talk = { program, flags, screen, gauge, interrupts, ...sides }
  try {
    if (conversations.isStored && !conversations.isShared) {
      const { showInterruptedCalls } = await import('./interrupted-calls.ts')
      await showInterruptedCalls(conversation, screen)
    }
    if (!isInteractive) return await askOnce(talk, flags.watch === true ? undefined : prompt)
    const { converse } = await import('./repl/repl.ts')
    return await converse(talk, { first: prompt, keyboard, local, grants })
  } finally {
    keyboard?.close()
    terminal?.close()
  }
}

function wantsConversation(
  stdin: NodeJS.ReadStream,
  words: readonly string[],
  flags: ChatFlags,
): boolean {
  if (flags.interactive !== undefined) return flags.interactive
  return words.length === 0 && stdin.isTTY && flags.watch !== true && formatOf(flags) === 'text'
}

/**
 * Returns undefined if a signal ended the command meanwhile.
 * @throws LoomError if there is no question
 */
async function readQuestion(
  { stdin }: NodeJS.Process,
  {
    words,
    screen,
    interrupts,
  }: { words: readonly string[]; screen: Screen; interrupts: Interrupts },
): Promise<string | undefined> {
  const reading = new AbortController()
  interrupts.onStop = () => reading.abort()
  const notice = (line: string) => screen.note(line)
  try {
    const prompt = await readPrompt({ words, stdin, notice, signal: reading.signal })
    if (prompt !== '') return prompt
  } catch (error) {
    if (!reading.signal.aborted) throw error
  }
  if (reading.signal.aborted) return undefined
  throw new LoomError(
    'invalid-request',
    'There is no question: loom "What is 2 + 2?" (see loom --help)',
  )
}

interface OpenOptions {
  flags: ChatFlags
  grants: Grants
  isInteractive: boolean
}

/**
 * A chat with a server does not load the modules that run agents here, and a local chat not those
 * of the server.
 */
async function open(world: CommandWorld, { flags, grants, isInteractive }: OpenOptions) {
  const { url, agent } = flags
  if (url !== undefined) {
    const { remoteConversations } = await import('./remote-conversations.ts')
    const { LOOM_API_KEY: key = '' } = world.program.env
    const apiKey = key === '' ? undefined : key
    return { local: undefined, conversations: remoteConversations({ url, apiKey, agent }) }
  }
  const { openLocalChat } = await import('./open-conversations.ts')
  const isStored = isInteractive || flags.session !== undefined || flags.continue === true
  const local = await openLocalChat(world, { flags, grants, isStored })
  return { local, conversations: local.conversations }
}

async function conversationOf(
  conversations: Conversations,
  { flags, here }: { flags: ChatFlags; here: string | undefined },
): Promise<Conversation> {
  if (flags.continue !== true) return conversations.open(flags.session)
  const last = lastIn(await conversations.list(), here ?? '')
  if (last !== undefined) return conversations.open(last.id)
  throw new LoomError('invalid-request', 'There is no session to go on with.')
}

/**
 * The lines about a session that continues: its id, and its model and folder if they are not the
 * defaults.
 */
function continuedLines({ id }: Conversation, local: LocalChat | undefined): string[] {
  const model = local?.settings.model
  const isOther = typeof model === 'string' && model !== local?.defaultModel
  const kept = [
    ...(isOther ? [`model ${model}`] : []),
    ...(local?.isElsewhere === true ? [`folder ${plainLine(local.directory)}`] : []),
  ]
  return [
    `loom: continues session ${id}`,
    ...(kept.length === 0 ? [] : [`loom: ${kept.join(' · ')}`]),
  ]
}

/**
 * For one question, the terminal leaves raw mode after each read, so that Ctrl-C sends a signal. In
 * a conversation, the keyboard stays open.
 */
function linesOf(keyboard: Keyboard | undefined, isInteractive: boolean): LineReader | undefined {
  if (keyboard === undefined || isInteractive) return keyboard
  return {
    async read(prompt, options) {
      try {
        return await keyboard.read(prompt, options)
      } finally {
        keyboard.close()
      }
    },
  }
}
