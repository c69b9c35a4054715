/**
 * Loads the Lua scripts. The head of a script is its signature, and the loader checks it. From the head it
 * makes the code that precedes the script, so that `key.session` and `arg.claim` in Lua have the names
 * that a caller in TypeScript uses. `-- USES` names the parts that precede the script.
 */
import { createHash } from 'node:crypto'

import { LoomError } from '../../ground/error.ts'
import { scriptFiles } from './script-files.ts'
import { signatures } from './signature.ts'
import type {
  Argument,
  Arguments,
  Keys,
  Reply,
  ScriptName,
  Signature,
  Signatures,
} from './signature.ts'

export interface Script<SIGNATURE extends Signature = Signature> {
  name: string
  signature: SIGNATURE
  text: string
  /** The name of the script for EVALSHA. */
  sha: string
}

/** @throws LoomError `internal` if the head of the script differs from the signature */
export function loadScript<SIGNATURE extends Signature>(
  name: string,
  signature: SIGNATURE,
  read: (file: string) => string = readBeside,
): Script<SIGNATURE> {
  const source = read(`${name}.lua`)
  const head = headOf(source)
  const parts = head.uses.map((part) => read(`part/${part}.lua`))
  const body = [...parts, source].map(withoutComments).join('\n')
  for (const group of ['keys', 'args', 'returns'] as const) {
    const [written, declared] = [head[group].join(' '), signature[group].join(' ')]
    if (written !== declared) {
      throw broken(name, `its head says ${group} "${written}", the signature "${declared}"`)
    }
  }
  checkNames(name, head, body)
  const text = [prelude(head), ...parts, source].join('\n')
  return { name, signature, text, sha: createHash('sha1').update(text).digest('hex') }
}

export type Scripts = { readonly [NAME in ScriptName]: Script<Signatures[NAME]> }

export function loadScripts(): Scripts {
  const entries = Object.entries(signatures).map(([name, signature]) => [
    name,
    loadScript(name, signature),
  ])
  // By construction: one script for every signature.
  const scripts: Scripts = Object.fromEntries(entries)
  return scripts
}

/** Returns the keys and arguments of a call in the order of the head of the script. */
export function inOrder<SIGNATURE extends Signature>(
  script: Script<SIGNATURE>,
  keys: Keys<SIGNATURE>,
  args: Arguments<SIGNATURE>,
): { keys: string[]; args: Argument[] } {
  // The mapped types are by name. Only names of the same signature are looked up here.
  const key = keys as Record<string, string>
  const arg = args as Record<string, Argument | (string | Buffer)[]>
  return {
    keys: script.signature.keys.map((name) => key[name] ?? missing(script, name)),
    args: script.signature.args.flatMap(
      (name) => arg[name.replace('...', '')] ?? missing(script, name),
    ),
  }
}

/** Returns the reply of a script by name. */
export function replyByName<SIGNATURE extends Signature>(
  script: Script<SIGNATURE>,
  reply: unknown,
): Reply<SIGNATURE> {
  if (Array.isArray(reply) && reply.includes(null)) throw lostPart()
  if (!isStrings(reply)) throw broken(script.name, 'it did not answer a list of strings')
  const values = script.signature.returns.map((name, index) =>
    name.endsWith('...') ? [name.slice(0, -3), reply.slice(index)] : [name, reply[index] ?? ''],
  )
  // By construction: one entry for every name in `returns`.
  const byName: Reply<SIGNATURE> = Object.fromEntries(values)
  return byName
}

/** A script reads the messages that the history names. Only Redis itself, or another program, removes one of them. */
const lostPart = () =>
  new LoomError(
    'gone',
    'A part of this session is not in Redis any more. Delete the session and begin a new one. Redis drops ' +
      'no part if its maxmemory-policy is noeviction.',
  )

interface Head extends Signature {
  uses: string[]
}

function headOf(source: string): Head {
  const comments = source.split('\n').filter((line) => line.startsWith('-- '))
  const words = (tag: string) =>
    comments
      .filter((line) => line.startsWith(`-- ${tag} `))
      .flatMap((line) => line.slice(tag.length + 4).split(' '))
  return {
    keys: words('KEYS'),
    args: words('ARGV'),
    returns: words('RETURNS'),
    uses: words('USES'),
  }
}

/** Makes the Lua tables `key` and `arg`. Scripts that repeat their group read KEYS and ARGV themselves. */
function prelude({ keys, args, returns }: Head): string {
  if (keys.includes('...')) return ''
  const key = keys.map((name, index) => `${name} = KEYS[${index + 1}]`)
  return [
    `local key, arg = { ${key.join(', ')} }, {}`,
    ...args.map(argument),
    `local function returns(values)`,
    `  local reply = {}`,
    ...returns.map(replyLine),
    `  return reply`,
    `end`,
  ].join('\n')
}

function argument(name: string, index: number): string {
  if (!name.endsWith('...')) return `arg.${name} = ARGV[${index + 1}]`
  const rest = `arg.${name.slice(0, -3)}`
  return `${rest} = {} for at = ${index + 1}, #ARGV do ${rest}[at - ${index}] = ARGV[at] end`
}

/** Returns every value as text, because Redis truncates numbers and ends a list at the first nil. */
function replyLine(name: string, index: number): string {
  if (name.endsWith('...')) {
    const rest = name.slice(0, -3)
    return `  for index, each in ipairs(values.${rest} or {}) do reply[${index} + index] = each end`
  }
  const value = `values.${name}`
  return `  reply[${index + 1}] = ${value} == true and '1' or tostring(${value} or '')`
}

/** Refuses names that the head lacks, because they are silently nil in Lua, and names that no line uses. */
function checkNames(script: string, head: Head, body: string): void {
  if (head.keys.includes('...')) return
  const used = (table: string) =>
    new Set(
      [...body.matchAll(new RegExp(`\\b${table}\\.(\\w+)`, 'g'))].map(([, name = '']) => name),
    )
  const check = (table: string, declared: readonly string[], all: boolean) => {
    const names = declared.map((name) => name.replace('...', ''))
    const uses = used(table)
    const unknown = [...uses].filter((name) => !names.includes(name))
    const idle = all ? [] : names.filter((name) => !uses.has(name))
    if (unknown.length > 0) throw broken(script, `${table}.${unknown[0]} is not in its head`)
    if (idle.length > 0) throw broken(script, `${table}.${idle[0]} is never used`)
  }
  check('key', head.keys, body.includes('pairs(key)'))
  check('arg', head.args, false)
}

const withoutComments = (source: string) => source.replaceAll(/^\s*--.*$/gm, '')

function readBeside(file: string): string {
  const bytes = scriptFiles(file)
  if (bytes === undefined) throw broken(file.replace('.lua', ''), 'the file is missing')
  return bytes.toString()
}

export function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

const broken = (script: string, fault: string) =>
  new LoomError('internal', `${script}.lua: ${fault}`)

function missing(script: Script, name: string): never {
  throw broken(script.name, `called without ${name}`)
}
