/**
 * Loads the Lua scripts. A script's head is its signature and is checked here; what stands in front
 * of the script that Redis gets is made from it, so `key.session` and `arg.claim` in Lua are the names
 * that a caller in TypeScript uses. `-- USES` names the parts that stand before it.
 */
import { createHash } from 'node:crypto'

import { requiredAsset } from '../../ground/asset.ts'
import { LoomError } from '../../ground/error.ts'
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
  /** What EVALSHA calls it. */
  sha: string
}

/** @throws LoomError `internal` where the script's head is not the signature */
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

/** The keys and arguments of a call, in the order of the script's head. */
export function inOrder<SIGNATURE extends Signature>(
  script: Script<SIGNATURE>,
  keys: Keys<SIGNATURE>,
  args: Arguments<SIGNATURE>,
): { keys: string[]; args: Argument[] } {
  // The mapped types are by name; here they are only looked up by names of the same signature.
  const key = keys as Record<string, string>
  const arg = args as Record<string, Argument | (string | Buffer)[]>
  return {
    keys: script.signature.keys.map((name) => key[name] ?? missing(script, name)),
    args: script.signature.args.flatMap(
      (name) => arg[name.replace('...', '')] ?? missing(script, name),
    ),
  }
}

/** Names what a script answered. */
export function named<SIGNATURE extends Signature>(
  script: Script<SIGNATURE>,
  reply: unknown,
): Reply<SIGNATURE> {
  if (!isStrings(reply)) throw broken(script.name, 'it did not answer a list of strings')
  const values = script.signature.returns.map((name, index) =>
    name.endsWith('...') ? [name.slice(0, -3), reply.slice(index)] : [name, reply[index] ?? ''],
  )
  // By construction: one entry for every name in `returns`.
  const byName: Reply<SIGNATURE> = Object.fromEntries(values)
  return byName
}

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

/** Makes tables of what came, by name; scripts that repeat their group read KEYS and ARGV themselves. */
function prelude({ keys, args, returns }: Head): string {
  if (keys.includes('...')) return ''
  const key = keys.map((name, index) => `${name} = KEYS[${index + 1}]`)
  return [
    `local key, arg = { ${key.join(', ')} }, {}`,
    ...args.map(argument),
    `local function returns(values)`,
    `  local reply = {}`,
    ...returns.map(replied),
    `  return reply`,
    `end`,
  ].join('\n')
}

function argument(name: string, index: number): string {
  if (!name.endsWith('...')) return `arg.${name} = ARGV[${index + 1}]`
  const rest = `arg.${name.slice(0, -3)}`
  return `${rest} = {} for at = ${index + 1}, #ARGV do ${rest}[at - ${index}] = ARGV[at] end`
}

/** Everything is answered as text, since Redis cuts numbers and ends a list at the first nil. */
function replied(name: string, index: number): string {
  if (name.endsWith('...')) {
    const rest = name.slice(0, -3)
    return `  for index, each in ipairs(values.${rest} or {}) do reply[${index} + index] = each end`
  }
  const value = `values.${name}`
  return `  reply[${index + 1}] = ${value} == true and '1' or tostring(${value} or '')`
}

/** A name that the head does not have is nil in Lua, without a word; one that nothing uses is a lie. */
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
const readBeside = (file: string) => requiredAsset(`src/store/redis/${file}`).toString()

export function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

const broken = (script: string, what: string) => new LoomError('internal', `${script}.lua: ${what}`)

function missing(script: Script, name: string): never {
  throw broken(script.name, `called without ${name}`)
}
