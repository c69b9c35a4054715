/**
 * Bubblewrap: a command sees the system's programs and its workspace, and nothing else of the
 * machine. What is not listed is not there: an allow-list, since nobody knows where a machine keeps
 * its secrets. Root keeps no capability, but its files are its own: see `system-view.ts`.
 */
import { realpath, stat } from 'node:fs/promises'
import { isAbsolute } from 'node:path'

import type { Argv, Place, SandboxOptions } from '../sandbox.ts'
import { contains, readSystemView, type SystemView } from './system-view.ts'
import { firstThatRuns, type Trial } from './trial.ts'

export interface Bubblewrap {
  program: string
  options: SandboxOptions
  view: SystemView
  /** Whether this version has, and this kernel allows, what came with version 0.8. */
  isStrict: boolean
}

const namespaces = ['--unshare-all', '--die-with-parent', '--new-session', '--cap-drop', 'ALL']

/** A user namespace within would be a way to more of the kernel. */
const strict = ['--unshare-user', '--disable-userns']

/** Temporary files are memory; so much of it a command may fill with them, twice. */
const temporaryBytes = 1024 * 1024 * 1024

export async function findBubblewrap(options: SandboxOptions): Promise<Trial<Bubblewrap>> {
  const program = options.programs?.bwrap ?? 'bwrap'
  const view = await readSystemView(options)
  const candidates = [true, false].map((isStrict): Bubblewrap => {
    return { program, options, view, isStrict }
  })
  return firstThatRuns(
    candidates.map((value) => ({
      value,
      argv: [program, ...systemArguments(value), '--', 'sh', '-c', 'exit 0'],
    })),
    options.environment['PATH'],
  )
}

export async function bubblewrapped(
  argv: Argv,
  { workspace, readable, hidden }: Place,
  bubblewrap: Bubblewrap,
): Promise<Argv> {
  const { options, program } = bubblewrap
  const asked = [...(options.readable ?? []), ...readable]
  return [
    program,
    ...systemArguments(bubblewrap),
    ...asked.flatMap((path) => ['--ro-bind-try', path, path]),
    ...(options.writable ?? []).flatMap((path) => ['--bind-try', path, path]),
    '--bind',
    workspace,
    workspace,
    // Last of the files, since they may be in the workspace.
    ...(await Promise.all([...(options.hidden ?? []), ...hidden].map(hiding))).flat(),
    '--remount-ro',
    '/',
    '--chdir',
    workspace,
    '--',
    ...argv,
  ]
}

function systemArguments({ view, isStrict, options }: Bubblewrap): string[] {
  const home = options.environment['HOME'] ?? ''
  const size = isStrict ? ['--size', String(temporaryBytes)] : []
  return [
    namespaces,
    isStrict ? strict : [],
    options.network === true ? ['--share-net'] : [],
    view.links.flatMap(({ path, target }) => ['--symlink', target, path]),
    view.folders.flatMap((path) => ['--ro-bind', path, path]),
    // Root may write to `/proc/sys` without any capability, and so set up what the kernel runs.
    ['--proc', '/proc', '--remount-ro', '/proc'],
    ['--dev', '/dev', ...size, '--tmpfs', '/tmp'],
    ['--symlink', '/tmp', '/var/tmp'],
    view.masked.flatMap(({ path, isFolder }) => mask(path, isFolder)),
    // Empty, and gone with the command: programs want to write there.
    isAboveTheSystem(home) ? [] : [...size, '--tmpfs', home],
    view.programs.flatMap((path) => ['--ro-bind', path, path]),
  ].flat()
}

/** A home such as `/` is left as it is: hidden, it would take the system with it. */
const isAboveTheSystem = (home: string) =>
  !isAbsolute(home) ||
  ['/usr', '/etc', '/proc', '/dev', '/tmp'].some((path) => contains(home, path))

const mask = (path: string, isFolder: boolean): string[] =>
  isFolder ? ['--tmpfs', path, '--remount-ro', path] : ['--ro-bind', '/dev/null', path]

async function hiding(path: string): Promise<string[]> {
  // Nothing can be put in the place of a link, but of what it leads to.
  const real = await realpath(path).catch(() => undefined)
  return real === undefined ? [] : mask(real, (await stat(real)).isDirectory())
}
