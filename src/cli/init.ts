/** `loom init [folder]`: writes a small project with an agent, a tool and a test. */
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'

import { LoomError } from '../ground/error.ts'
import type { CommandWorld } from './app.ts'
import { templateFiles } from './template-files.ts'

/**
 * Writes the project and prints the next commands. It never overwrites a file.
 * @param path the folder, which must be new or empty
 * @throws LoomError `invalid-request` for a folder that cannot be used
 */
export async function init({ program, app }: CommandWorld, path: string): Promise<void> {
  const folder = resolve(program.cwd(), path)
  await checkEmpty(folder, path)
  for (const name of projectFiles) {
    const text = textOf(name, { name: packageName(folder), version: app.version })
    const file = join(folder, name)
    await mkdir(dirname(file), { recursive: true }).catch(cannotWrite(path))
    await writeFile(file, text, { flag: 'wx' }).catch(cannotWrite(path))
  }
  program.stdout.write(nextSteps(relative(program.cwd(), folder)))
}

const projectFiles = [
  'agents/assistant.ts',
  'tools/count-words.ts',
  'test/assistant.test.ts',
  'package.json',
  'tsconfig.json',
  'Dockerfile',
  'README.md',
  '.gitignore',
  '.dockerignore',
]

function textOf(file: string, values: { name: string; version: string }): string {
  const text = templateFiles(`${file.replace(/^\./, '')}.txt`)
  if (text === undefined) throw new Error(`This Loom does not contain the file ${file}.`)
  return text
    .toString()
    .replaceAll('{{name}}', values.name)
    .replaceAll('{{version}}', values.version)
}

/** A new repository is empty too. */
const ignored = ['.git', '.DS_Store']

async function checkEmpty(folder: string, path: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return []
    if (codeOf(error) !== 'ENOTDIR') return cannotWrite(path)(error)
    throw new LoomError('invalid-request', `${path} is a file: name a new or an empty folder.`)
  })
  if (names.every((name) => ignored.includes(name))) return
  throw new LoomError(
    'invalid-request',
    `${path === '.' ? 'The current folder' : path} is not empty: name a new or an empty folder, such as "loom init my-app".`,
  )
}

const cannotWrite = (path: string) => (cause: unknown) => {
  const reason = cause instanceof Error ? cause.message : String(cause)
  throw new LoomError('invalid-request', `${path} cannot be written: ${reason}`, { cause })
}

const codeOf = (error: unknown) =>
  error instanceof Error && 'code' in error ? error.code : undefined

/** npm installs no package into a package of the same name. */
const taken = ['loom', 'loomkit', 'zod', 'typescript', 'node_modules', 'favicon.ico']

/** Returns a name that npm accepts, made from the name of the folder. */
export function packageName(folder: string): string {
  const name = basename(folder)
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replaceAll(/^[._-]+|[._-]+$/g, '')
    .slice(0, 200)
  if (name === '') return 'my-app'
  return taken.includes(name) ? `${name}-app` : name
}

function nextSteps(folder: string): string {
  const quoted = /^[\w./@+-]+$/.test(folder)
    ? folder
    : `'${folder.replaceAll("'", String.raw`'\''`)}'`
  return `A project with an agent, a tool and a test is in ${folder === '' ? 'the current folder' : folder}.

Next:
${folder === '' ? '' : `  cd ${quoted}\n`}  npm install
  npm run dev
`
}
