/** Programs that the user runs from a talk: a command of the shell, and the editor for a message. */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Environment } from '../../ground/environment.ts'
import { LoomError } from '../../ground/error.ts'

/** What of a command's output the model is told, in characters. */
const outputMax = 30_000

export interface ShellOptions {
  directory: string
  environment: Environment
  /** Is given the output as it comes. */
  show: (text: string) => void
}

/** Runs a command as its user would, unconfined. @returns what the model is told of it */
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

/** Edits a text with `$VISUAL`, `$EDITOR` or `vi`. @throws LoomError where the editor fails */
export async function editText(text: string, environment: Environment): Promise<string> {
  const { VISUAL: visual = '', EDITOR: editor = '' } = environment
  const program = visual || editor || 'vi'
  const folder = await mkdtemp(join(tmpdir(), 'loom-message-'))
  try {
    const file = join(folder, 'message.md')
    await writeFile(file, text, { mode: 0o600 })
    // It may have words of its own: `code --wait`.
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
