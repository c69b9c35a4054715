/** Loads a module of the user. A failure is one readable line: the file, the line, and the reason. */
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { errorMessage, LoomError } from '../ground/error.ts'
import { fieldsOf } from '../ground/fields.ts'
import type { FileModules } from '../ground/file-module.ts'
import type { Exports } from './exports.ts'
import { type ModuleFile, shownPath } from './module-file.ts'

/** The modules of the user, and the folder that relative paths start from. */
export interface FileWorld {
  directory: string
  modules: FileModules
}

/**
 * @param file an absolute path
 * @param path the path in error texts
 */
export const moduleFile = (
  file: string,
  { directory, modules }: FileWorld,
  path: string = shownPath(file, directory),
): ModuleFile => ({
  path,
  file,
  async load() {
    try {
      return await withinLoadTime(modules.importFile(file))
    } catch (cause) {
      throw await loadError(cause, { file, path, directory, modules })
    }
  },
})

/** The longest time in which a module must be loaded, in milliseconds. */
const loadMs = 30_000

/** The timer does not keep the process running: nothing else may be left that could end the wait. */
async function withinLoadTime(loading: Promise<object>): Promise<object> {
  const late = delay(loadMs, undefined, { ref: false }).then(() => {
    throw new Error(
      `it was not complete within ${loadMs / 1000} s: does it await without an end at its top level?`,
    )
  })
  return Promise.race([loading, late])
}

/** @throws LoomError `invalid-config` if the module cannot be loaded */
export async function exportsOf(module: ModuleFile): Promise<Exports> {
  return { ...fieldsOf(await module.load()) }
}

async function loadError(
  cause: unknown,
  { file, path, directory, modules }: FileWorld & { file: string; path: string },
): Promise<LoomError> {
  const place = await placeOf(cause, file, modules)
  const line = place?.line === undefined ? '' : `:${place.line}`
  const isOther = place !== undefined && place.file !== file
  const wrong = isOther ? shownPath(place.file, directory) : path
  // Node.js writes several lines for some errors, and the first one names the error.
  const [reason = ''] = errorMessage(cause).trim().split('\n')
  const text = `${wrong}${line} cannot be loaded: ${reason}${await hintFor(cause, place)}`
  return new LoadError(text, { cause, ...(isOther && { importer: path }) })
}

/** A failure to load a module. */
export class LoadError extends LoomError {
  /** The file that is wrong, and the reason: the same text for each file that imports it. */
  readonly failure: string

  constructor(failure: string, { cause, importer }: { cause: unknown; importer?: string }) {
    const suffix = importer === undefined ? '' : ` (imported by ${importer})`
    super('invalid-config', failure + suffix, { cause })
    this.failure = failure
  }
}

interface Place {
  file: string
  line: number | undefined
}

/** Node.js writes `file:///a/b.ts:3:5` in a stack, and `/a/b.ts:3` before a syntax error. */
const placePattern =
  /(file:\/\/[^\s()]+?|\/[^\n()]+?|[A-Za-z]:\\[^\n()]+?)(?:\?[^\s:()]*)?:(\d+)(?=[:\s)]|$)/gm

/** The place of the error in the files of the user. Undefined if Node.js does not report it. */
async function placeOf(
  error: unknown,
  file: string,
  { graph, lastRead, syntaxErrorOf }: FileModules,
): Promise<Place | undefined> {
  const found = stackPlace(error, (each) => each === file || graph.has(each))
  if (found !== undefined) return found
  const [, importer] = / imported from (.+)$/m.exec(errorMessage(error)) ?? []
  if (importer !== undefined && graph.has(importer)) return { file: importer, line: undefined }
  const last = error instanceof SyntaxError ? lastRead() : undefined
  if (last === undefined) return undefined
  return (
    stackPlace(await syntaxErrorOf(last), (each) => each === last) ?? {
      file: last,
      line: undefined,
    }
  )
}

function stackPlace(error: unknown, isUserFile: (file: string) => boolean): Place | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  for (const [, written = '', line] of stack.matchAll(placePattern)) {
    const file = written.startsWith('file:') ? fileURLToPath(written) : written
    if (isUserFile(file)) return { file, line: Number(line) }
  }
  return undefined
}

async function hintFor(error: unknown, place: Place | undefined): Promise<string> {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') return `. ${syntaxHint}`
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION') return '. Node.js runs .ts, .mts, .cts and .js files.'
  if (code === 'ERR_IMPORT_ATTRIBUTE_MISSING') {
    return ". Write the import as: import data from './data.json' with { type: 'json' }."
  }
  if (error instanceof SyntaxError && place !== undefined) {
    const decorated = await decoratedLine(place.file)
    if (decorated !== undefined) return `. Node.js runs no decorators: see line ${decorated}.`
  }
  if (/^Cannot find package '[@~]\//.test(errorMessage(error))) {
    return '. Node.js does not read "paths" of tsconfig.json: import by a relative path, or by a name that begins with "#" and is in "imports" of package.json.'
  }
  const [, missing] = /^Cannot find module '([^']+)'/.exec(errorMessage(error)) ?? []
  if (missing === undefined) return ''
  if (missing.endsWith('.js')) return '. Import a TypeScript file by its own name: it ends in .ts.'
  return /\.\w+$/.test(missing)
    ? ''
    : '. Write the import with the ending of the file, such as .ts.'
}

/** The number of the first line that begins with a decorator. Node.js reports no line for it. */
async function decoratedLine(file: string): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const index = text.split('\n').findIndex((line) => /^\s*@[\w$]/.test(line))
  return index === -1 ? undefined : index + 1
}

const syntaxHint =
  'Node.js runs TypeScript by removing its types, so use plain JavaScript for what is more than a type: an object in place of an enum, a field in place of a parameter property. "erasableSyntaxOnly" in tsconfig.json makes the editor report it.'
