/**
 * Programs that the user starts from a conversation: a shell command, and the editor for a message.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Environment } from '../../ground/environment.ts'
import { LoomError } from '../../ground/error.ts'

/** The largest output of a command that goes to the model, in characters. */
const outputMax = 30_000

export interface ShellOptions {
  directory: string
  environment: Environment
  /** Receives the output while it arrives. */
  show: (text: string) => void
}

/**
 * Runs a command with the rights of the user and without a sandbox.
 * @returns the report for the model
 */
export async function runShell(command: string, options: ShellOptions): Promise<string> {
  const { directory, environment, show } = options
  const child = spawn(command, {
    shell: environment['SHELL'] ?? true,
    cwd: directory,
    env: { ...environment },
    stdio: ['inherit', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      show(text)
      output = (output + text).slice(-outputMax)
    })
  }
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  child.once('error', reject).once('close', (code, signal) => resolve(signal ?? `code ${code}`))
  const end = await promise
  const how = end === 'code 0' ? '' : `\n(it ended with ${end})`
  return `I ran \`${command}\`:\n\`\`\`\n${output.trimEnd()}\n\`\`\`${how}`
}

/** Edits a text with `$VISUAL`, `$EDITOR` or `vi`. @throws LoomError if the editor fails */
export async function editText(text: string, environment: Environment): Promise<string> {
  const { VISUAL: visual = '', EDITOR: editor = '' } = environment
  const program = visual || editor || 'vi'
  const folder = await mkdtemp(join(tmpdir(), 'loom-message-'))
  try {
    const file = join(folder, 'message.md')
    await writeFile(file, text, { mode: 0o600 })
    // The setting may contain arguments: `code --wait`.
    const child = spawn('sh', ['-c', `${program} "$1"`, 'sh', file], {
      stdio: 'inherit',
      env: { ...environment },
    })
    const { promise, resolve, reject } = Promise.withResolvers<number | null>()
    child.once('error', reject).once('exit', resolve)
    const code = await promise
    if (code !== 0) throw new Error(`exit code ${code}`)
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new LoomError('invalid-request', `The editor ${program} failed.`, { cause })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
