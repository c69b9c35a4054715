/**
 * The commands and options of the command line. Each command loads its modules when it runs, so
 * that help and completions appear at once. A wrong command or option ends with exit code 2.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'

import { errorMessage, LoomError } from '../ground/error.ts'
import { nearestNames } from '../ground/nearest.ts'
import type { AcpFlags } from './acp/editor-conversations.ts'
import { addAdmin } from './admin-commands.ts'
import type { CommandWorld } from './app.ts'
import type { ChatFlags } from './chat-options.ts'
import { exitCodeOf, exitCodes } from './exit-code.ts'

/** Runs the command that the arguments name. @returns the exit code */
export async function runCommand(world: CommandWorld): Promise<number> {
  const { program: process } = world
  let exitCode: number = exitCodes.done
  const program = createProgram(world, (code) => (exitCode = code))
  try {
    await program.parseAsync(process.argv)
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    }
    return reportError(error, process)
  }
}

/** Prints one line for an error that the user can correct, and a stack for an error of Loom. */
async function reportError(error: unknown, { stderr }: NodeJS.Process): Promise<number> {
  const { plain } = await import('./render/plain.ts')
  if (isFolderGone(error)) {
    stderr.write('loom: The current folder does not exist any more: change to another one.\n')
    return exitCodes.usage
  }
  // The text may come from a server or a file, so control characters are removed.
  for (const line of plain(errorMessage(error)).split('\n')) stderr.write(`loom: ${line}\n`)
  if (!(error instanceof LoomError) && error instanceof Error) stderr.write(`${error.stack}\n`)
  return exitCodeOf(error)
}

/** `getcwd(3)` fails with ENOENT if the folder was removed. */
const isFolderGone = (error: unknown): boolean =>
  error instanceof Error && 'syscall' in error && error.syscall === 'uv_cwd'

const examples = `
Examples:
  loom "What is 2+2?"
  loom chat --tools bash,grep "Find all TODOs"
  loom chat -i --model anthropic/claude-sonnet-4-6
  git diff | loom "review this diff"
  loom serve`

interface ServeFlags {
  envFile?: string
}

/** @param onEnd receives the exit code of the command */
function createProgram(world: CommandWorld, onEnd: (exitCode: number) => void): Command {
  const { program: process, app } = world
  const program = new Command('loom')
    .description('Talk to AI agents, and serve them.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => process.stdout.write(text),
      writeErr: (text) => process.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'loom: ')),
    })
    .option('-V, --version', 'print the version')
    .addHelpText('after', examples)
    .enablePositionalOptions()
    .on('option:version', () => {
      process.stdout.write(`${app.version}\n`)
      throw new CommanderError(0, 'loom.version', '')
    })
  addChat(program, world, onEnd)
  program
    .command('serve')
    .description(
      'serve agents over HTTP; its settings are environment variables (PORT, HOST, LOOM_MODEL, …)',
    )
    .argument('[paths...]', 'files or folders with agents (./agents)')
    .option('--env-file <file>', 'read settings from a file too')
    .action(async (paths: string[], { envFile }: ServeFlags) => {
      const { serve } = await import('./serve.ts')
      onEnd(await serve(world, { paths, envFile }))
    })
  program
    .command('dev')
    .description('serve agents, and load them again when one of their files changes')
    .argument('[paths...]', 'files or folders with agents (./agents)')
    .option('--env-file <file>', 'read settings from this file (.env)')
    .action(async (paths: string[], { envFile }: ServeFlags) => {
      const { serve } = await import('./serve.ts')
      onEnd(await serve(world, { paths, envFile, isDev: true }))
    })
  addAcp(program, world, onEnd)
  program
    .command('mcp')
    .description('serve agents as tools for an MCP client that starts this command (stdio)')
    .argument('[paths...]', 'files or folders with agents (./agents)')
    .option('--env-file <file>', 'read settings from a file too')
    .option('--url <address>', 'the agents of a Loom server (LOOM_API_KEY is its key)')
    .action(async (paths: string[], { envFile, url }: ServeFlags & { url?: string }) => {
      if (url === undefined) {
        const { serveMcp } = await import('./mcp.ts')
        return onEnd(await serveMcp(world, { paths, envFile }))
      }
      if (paths.length > 0) {
        throw new LoomError(
          'invalid-request',
          '--url takes the agents of the server: name no paths.',
        )
      }
      const { bridgeMcp } = await import('./mcp-bridge.ts')
      onEnd(await bridgeMcp(world, url))
    })
  program
    .command('init')
    .description('write a new project with an agent, a tool and a test')
    .argument('[folder]', 'a new or an empty folder', '.')
    .action(async (folder: string) => {
      const { init } = await import('./init.ts')
      await init(world, folder)
    })
  program
    .command('models')
    .description('list models')
    .argument('[words...]', 'only those whose name contains all the words')
    .option('--json', 'print JSON')
    .action(async (words: string[], { json = false }: { json?: boolean }) => {
      const { listModels } = await import('./models.ts')
      process.stdout.write(await listModels(world, { query: words.join(' '), isJson: json }))
    })
  addSessions(program, world)
  addAdmin(program, world, onEnd)
  program
    .command('key')
    .description('make an API key, and print it with the setting of the server that has its hash')
    .argument('[name]', 'the name of its tenant', 'default')
    .action(async (name: string) => {
      const { newKey } = await import('./key.ts')
      process.stdout.write(newKey(name))
    })
  program
    .command('completion')
    .description('print a completion script for a shell')
    .argument('<shell>', 'bash, zsh or fish', (shell) => oneOf(['bash', 'zsh', 'fish'], shell))
    .action(async (shell: 'bash' | 'zsh' | 'fish') => {
      const { completionScript } = await import('./completion.ts')
      process.stdout.write(completionScript(shell))
    })
  program
    .command('help')
    .description('display help for command')
    .argument('[command]')
    .action((name: string | undefined) => helpFor(program, name).help())
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .passThroughOptions()
    .helpOption(false)
    .action(async (words: string[]) => {
      const { complete } = await import('./completion.ts')
      const candidates = await complete(words, { world, program })
      process.stdout.write(candidates.map((candidate) => `${candidate}\n`).join(''))
    })
  return program
}

function addChat(program: Command, world: CommandWorld, onEnd: (exitCode: number) => void): void {
  const command = program
    .command('chat', { isDefault: true })
    .description(
      'ask one question, or hold a conversation (-i); piped text is part of the question',
    )
    .argument('[question...]', 'the question; - reads it from stdin')
    .option(
      '-i, --interactive',
      'hold a conversation; the default at a terminal without a question',
    )
  const chat = withAgentFlags(command)
    .option('-c, --continue', 'continue the last session')
    .option('--session <id>', 'continue this session, or name a new one')
    .option('--url <address>', 'talk with a Loom server (LOOM_API_KEY is its key)')
    .option('--watch', 'only show the running answer of --session')
    .option('--timeout <seconds>', 'stop after this time', seconds)
    .addOption(
      new Option('--output-format <format>', 'the format of stdout').choices([
        'text',
        'json',
        'stream-json',
      ]),
    )
    .option('--json', 'the same as --output-format json')
    .option('-q, --quiet', 'print only errors on stderr')
    .option('-v, --verbose', 'also print the thoughts of the model, and the costs')
  chat.action(async (words: string[], flags: ChatFlags) => {
    if (program.args[0] !== 'chat') refuseTypo(words, program)
    const { chat } = await import('./chat.ts')
    onEnd(await chat(world, words, flags))
  })
}

/** The flags that choose the agent, its tools and their permissions. */
function withAgentFlags(command: Command): Command {
  return command
    .option('-m, --model <provider/model>', 'the model that answers (LOOM_MODEL)')
    .option('-a, --agent <name>', 'the agent: a name, or a file such as ./my-agent.ts (LOOM_AGENT)')
    .option('-s, --system <text>', 'instructions in place of the agent’s own')
    .option('-t, --tools <names>', 'tools in place of the agent’s own: names, or files', listOf)
    .option('--max-steps <number>', 'the largest number of model calls per question', wholeNumber)
    .option('--temperature <number>', '0 to 2', temperature)
    .option('-y, --yes', 'let every tool run without asking')
    .option('--allow <tools>', 'let these run without asking: names, or bash(git log)', listOf)
    .option('--mcp <file>', 'tools of MCP servers, from a file with mcpServers; may repeat', eachOf)
}

function addAcp(program: Command, world: CommandWorld, onEnd: (exitCode: number) => void): void {
  const command = program
    .command('acp')
    .description('talk with an editor over the Agent Client Protocol (stdin and stdout)')
  withAgentFlags(command)
    .option('--session <id>', 'the session that the editor opens first')
    .option('--url <address>', 'show the sessions of a Loom server (LOOM_API_KEY is its key)')
    .action(async (flags: AcpFlags) => {
      const { acp } = await import('./acp.ts')
      onEnd(await acp(world, flags))
    })
}

function addSessions(program: Command, world: CommandWorld): void {
  const { stdout } = world.program
  program
    .command('sessions')
    .description('list the stored sessions')
    .option('--url <address>', 'those on a Loom server (LOOM_API_KEY is its key)')
    .option('--rm <id>', 'remove one')
    .option('--json', 'print JSON')
    .action(async (flags: { url?: string; rm?: string; json?: boolean }) => {
      const { listSessions, removeSession } = await import('./sessions.ts')
      if (flags.rm === undefined) stdout.write(await listSessions(world, flags))
      else await removeSession(world, { ...flags, id: flags.rm })
    })
}

/**
 * Refuses a single word that is close to a command name, such as `loom serv`. It is probably a
 * typing error, because a question is seldom one word.
 * @throws LoomError `invalid-request`
 */
function refuseTypo(words: readonly string[], program: Command): void {
  const [word = ''] = words
  if (words.length !== 1 || !/^[a-z_-]+$/i.test(word)) return
  const [near] = nearestNames(word.toLowerCase(), commandNames(program))
  if (near === undefined) return
  throw new LoomError(
    'invalid-request',
    `There is no command "${word}". Did you mean "loom ${near}"? To ask it: loom chat ${word}`,
  )
}

/** @throws LoomError `invalid-request` */
function helpFor(program: Command, name: string | undefined): Command {
  if (name === undefined) return program
  const command = program.commands.find((each) => each.name() === name)
  if (command !== undefined) return command
  const [near] = nearestNames(name.toLowerCase(), commandNames(program))
  const hint = near === undefined ? 'loom --help lists the commands.' : `Did you mean "${near}"?`
  throw new LoomError('invalid-request', `There is no command "${name}". ${hint}`)
}

const commandNames = ({ commands }: Command): string[] =>
  commands.map((command) => command.name()).filter((name) => !name.startsWith('_'))

const eachOf = (text: string, others: readonly string[] = []): string[] => [...others, text]

function listOf(text: string): string[] {
  const items = text.split(',').map((item) => item.trim())
  return items.filter((item) => item !== '')
}

function wholeNumber(text: string): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (value > 0) return value
  throw new InvalidArgumentError('It must be a whole number above 0.')
}

function seconds(text: string): number {
  const value = /^\d{1,6}(?:\.\d+)?$/.test(text) ? Number(text) : 0
  if (value > 0) return value
  throw new InvalidArgumentError('It must be a number of seconds above 0.')
}

function temperature(text: string): number {
  const value = /^\d(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (value <= 2) return value
  throw new InvalidArgumentError('It must be a number from 0 to 2.')
}

function oneOf<const VALUE extends string>(values: readonly VALUE[], text: string): VALUE {
  const value = values.find((value) => value === text)
  if (value !== undefined) return value
  throw new InvalidArgumentError(`It must be ${values.join(', ')}.`)
}
