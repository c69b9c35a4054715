/** The values of settings. Each function reads one text, or adds an issue that lists the allowed values. */
import { statSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'

import { z } from 'zod/v4'

import { shorten } from '../ground/cut-text.ts'
import { isName } from '../ground/name.ts'
import { isSecretOfLoom } from '../ground/secret-variables.ts'
import { timerMaxMs } from '../ground/until-aborted.ts'
import type { Quota } from '../server/limits/quotas.ts'

/** The longest window of a limit, in seconds: 366 days. */
const windowMaxS = 366 * 24 * 60 * 60

/** Reads an amount and a window in seconds, such as `600/60`. */
export function quotaIn(text: string | undefined, context: z.RefinementCtx): Quota | undefined {
  if (text === undefined) return undefined
  const [, amount = '', window = ''] = /^(\d{1,12}(?:\.\d{1,6})?)\/(\d{1,8})$/.exec(text) ?? []
  const quota = { amount: Number(amount), windowS: Number(window) }
  if (quota.amount > 0 && quota.windowS > 0 && quota.windowS <= windowMaxS) return quota
  context.addIssue(
    `must be an amount and a window in seconds, such as 600/60, with at most ${windowMaxS} seconds; got ${inQuotes(text)}`,
  )
  return z.NEVER
}

/** `quotaIn` for a whole amount. */
export function wholeQuotaIn(
  text: string | undefined,
  context: z.RefinementCtx,
): Quota | undefined {
  if (text === undefined || /^\d+\//.test(text)) return quotaIn(text, context)
  context.addIssue(
    `must be a whole amount and a window in seconds, such as 600/60; got ${inQuotes(text)}`,
  )
  return z.NEVER
}

export function originsIn(list: string, context: z.RefinementCtx): string[] {
  const origins = list.split(',').map((origin) => origin.trim().replace(/\/$/, ''))
  const values = origins.filter((origin) => origin !== '')
  const bad = values.find((origin) => origin !== '*' && !isOrigin(origin))
  if (bad !== undefined) {
    context.addIssue(
      `must list origins such as https://app.example.com, separated by commas; got ${inQuotes(bad)}`,
    )
  }
  return values.map((origin) => origin.toLowerCase())
}

export function hostsIn(list: string | undefined, context: z.RefinementCtx): string[] | undefined {
  const hosts = list
    ?.split(',')
    .map((host) => host.trim().toLowerCase())
    .filter((host) => host !== '')
  const bad = hosts?.find((host) => host !== '*' && !isHost(host))
  if (bad === undefined) return hosts
  context.addIssue(
    `must list host names such as chat.example.com or *.example.com, separated by commas; got ${inQuotes(bad)}`,
  )
  return z.NEVER
}

/**
 * True for a host as a URL has it, also with a port. An address with a scheme or a path is not a
 * host.
 */
function isHost(text: string): boolean {
  const url = `http://${text.replace(/^\*\./, 'any.')}`
  return /^[\w.*:[\]-]+$/.test(text) && URL.canParse(url) && !/\*/.test(text.slice(1))
}

/** Reduces an address to its origin, because a browser sends only the origin of a page. */
export function originOf(url: string | undefined, context: z.RefinementCtx): string | undefined {
  if (url === undefined) return undefined
  if (/^https?:\/\//i.test(url) && URL.canParse(url)) return new URL(url).origin
  context.addIssue(`must be an address such as https://chat.example.com; got ${inQuotes(url)}`)
  return z.NEVER
}

export function namesIn(list: string | undefined, context: z.RefinementCtx): string[] | undefined {
  const names = list?.split(',').map((name) => name.trim())
  const bad = names?.find((name) => !isName(name))
  if (bad === undefined) return names
  context.addIssue(`must list names of agents, separated by commas; got ${inQuotes(bad)}`)
  return z.NEVER
}

export function folderAt(path: string, context: z.RefinementCtx): string {
  if (!isFolder(path)) context.addIssue(`must be a folder that exists; got ${inQuotes(path)}`)
  return resolve(path)
}

/** Reads a list in the form of `PATH`. */
export function pathsIn(list: string, context: z.RefinementCtx): string[] {
  const paths = list.split(':').filter((path) => path !== '')
  const bad = paths.find((path) => !isAbsolute(path) || resolve(path) === '/')
  if (bad !== undefined) {
    context.addIssue(
      `must list absolute paths below the root, separated by colons; got ${inQuotes(bad)}`,
    )
  }
  return paths.map((path) => resolve(path))
}

export function variablesIn(list: string, context: z.RefinementCtx): string[] {
  const names = list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  const bad = names.find((name) => !/^[A-Za-z_]\w*$/.test(name))
  if (bad !== undefined) {
    context.addIssue(`must list names of variables, separated by commas; got ${inQuotes(bad)}`)
  }
  const secret = names.find(isSecretOfLoom)
  if (secret !== undefined) {
    context.addIssue(`must not list ${secret}: commands do not get the keys of models or of Loom`)
  }
  return names
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text.toLowerCase()
}

export function integer(min: number, max: number) {
  const allowed = `must be a whole number from ${min} to ${max}`
  return z.string().transform((text, context) => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    context.addIssue(`${allowed}; got ${inQuotes(text)}`)
    return z.NEVER
  })
}

export function milliseconds() {
  return integer(1, timerMaxMs)
}

export function choice<const VALUE extends string>(values: readonly VALUE[]) {
  return z.enum(values, {
    error: ({ input }) => `must be ${values.join(' or ')}; got ${inQuotes(String(input))}`,
  })
}

function inQuotes(text: string): string {
  return JSON.stringify(shorten(text, 60))
}
