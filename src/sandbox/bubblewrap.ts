/**
 * Bubblewrap: a command sees the system's programs and its workspace, and nothing else of the
 * machine. What is not listed is not there: an allow-list, since nobody knows where a machine keeps
 * its secrets. Root keeps no capability, but its files are its own: see `system-view.ts`.
 */
import { realpath, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'

import { type Argv, type Confined, inputFd } from './confined.ts'
import { gitSettings } from './git-settings.ts'
import type { Place, SandboxOptions } from './options.ts'
import { asOwner, type Owner, ownerOf, readableBy } from './owner.ts'
import { type Repository, repositoryOf } from './repository.ts'
import { privilegeFilter } from './seccomp.ts'
import { contains, readSystemView, type SystemView } from './system-view.ts'
import { firstThatRuns, type Trial } from './trial.ts'

export interface Bubblewrap {
  program: string
  options: SandboxOptions
  view: SystemView
  /** Whether this version has, and this kernel allows, what came with version 0.8. */
  isStrict: boolean
  /** The user that commands in a workspace run as, and the programs that this user may read. */
  userOf: (workspace: string) => Promise<User>
  /** The part of the user's git settings that commands may know. */
  gitSettings: string
}

export interface User {
  /** Undefined where it is Loom's own user. */
  owner: Owner | undefined
  programs: readonly string[]
}

const namespaces = ['--unshare-all', '--die-with-parent', '--new-session', '--cap-drop', 'ALL']

/** A user namespace within would be a way to more of the kernel. */
const strict = ['--unshare-user', '--disable-userns']

/** Temporary files are memory; so much of it a command may fill with them, twice. */
const temporaryBytes = 1024 * 1024 * 1024

export async function findBubblewrap(options: SandboxOptions): Promise<Trial<Bubblewrap>> {
  const program = options.programs?.bwrap ?? 'bwrap'
  const view = await readSystemView(options)
  const settings = await gitSettings(options.environment)
  const candidates = [true, false].map((isStrict): Bubblewrap => {
    const found = { program, options, view, isStrict, gitSettings: settings }
    return { ...found, userOf: usersOf(found) }
  })
  return firstThatRuns(
    candidates.map((value) => ({
      value,
      argv: [program, ...systemArguments(value, view.programs), '--', 'sh', '-c', 'exit 0'],
    })),
    options.environment['PATH'],
  )
}

export async function bubblewrapped(
  argv: Argv,
  place: Place,
  bubblewrap: Bubblewrap,
): Promise<Confined> {
  const { options, program, isStrict } = bubblewrap
  const { workspace, readable, hidden } = place
  const { owner, programs } = await bubblewrap.userOf(workspace)
  const repository = await repositoryOf(workspace)
  const asked = [...(options.readable ?? []), ...readable]
  const inputs = await inputsFor(bubblewrap)
  const bound = [
    program,
    ...systemArguments(bubblewrap, programs),
    ...asked.flatMap((path) => ['--ro-bind-try', path, path]),
    ...(options.writable ?? []).flatMap((path) => ['--bind-try', path, path]),
    '--bind',
    workspace,
    workspace,
    ...repositoryArguments(repository),
    // Last of the files, since they may be in the workspace.
    ...(await Promise.all([...(options.hidden ?? []), ...hidden].map(hiding))).flat(),
    ...inputs.flatMap(({ words }, index) => words(String(inputFd + index))),
    // Its devices are mounts of their own; the folder is memory that a command could fill.
    ...(isStrict ? ['--size', String(temporaryBytes)] : []),
    '--perms',
    '1777',
    '--tmpfs',
    '/dev/shm',
    '--remount-ro',
    '/dev',
    '--remount-ro',
    '/',
    '--chdir',
    workspace,
    '--',
    ...argv,
  ]
  const [first = program, ...rest] = owner === undefined ? bound : [...asOwner(owner), ...bound]
  return { argv: [first, ...rest], inputs: inputs.map(({ bytes }) => bytes) }
}

interface Input {
  bytes: Uint8Array
  /** What the sandbox does with the descriptor. */
  words: (fd: string) => string[]
}

async function inputsFor({ options, gitSettings: settings }: Bubblewrap): Promise<Input[]> {
  const inputs: Input[] = []
  const filter = privilegeFilter(process.arch)
  if (filter !== undefined) inputs.push({ bytes: filter, words: (fd) => ['--seccomp', fd] })
  const home = options.environment['HOME'] ?? ''
  if (settings !== '' && !isAboveTheSystem(home)) {
    const words = (fd: string) => ['--ro-bind-data', fd, join(home, '.gitconfig')]
    inputs.push({ bytes: Buffer.from(settings), words })
  }
  return inputs
}

function repositoryArguments({ writable, held, fixed, absent }: Repository): string[] {
  return [
    [...writable, ...held].flatMap((path) => ['--bind', path, path]),
    absent.flatMap((path) => mask(path, true)),
    fixed.flatMap((path) => ['--ro-bind', path, path]),
  ].flat()
}

/** Whether a workspace's owner can run commands is tried once for each workspace. */
function usersOf(found: Omit<Bubblewrap, 'userOf'>): Bubblewrap['userOf'] {
  const users = new Map<string, Promise<User>>()
  return (workspace) => {
    const user = users.get(workspace) ?? userFor(workspace, found)
    users.set(workspace, user)
    return user
  }
}

async function userFor(workspace: string, found: Omit<Bubblewrap, 'userOf'>): Promise<User> {
  const { options, view, program } = found
  const owner = await ownerOf(workspace)
  if (owner === undefined) return { owner, programs: view.programs }
  const programs = await readableBy(owner, view.programs)
  const [first, ...rest] = [
    ...asOwner(owner),
    program,
    ...systemArguments(found, programs),
    '--bind',
    workspace,
    workspace,
    '--chdir',
    workspace,
    '--',
    'sh',
    '-c',
    'exit 0',
  ]
  const candidates = [{ value: { owner, programs }, argv: [first, ...rest] as const }]
  const trial = await firstThatRuns(candidates, options.environment['PATH'])
  if (trial.works) return trial.value
  options.notice?.(
    `bash runs as root in ${workspace}: its owner (user ${owner.uid}) cannot run bubblewrap here (${trial.reason}). What commands write there will be root's.`,
  )
  return { owner: undefined, programs: view.programs }
}

function systemArguments(
  { view, isStrict, options }: Pick<Bubblewrap, 'view' | 'isStrict' | 'options'>,
  programs: readonly string[],
): string[] {
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
    programs.flatMap((path) => ['--ro-bind', path, path]),
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
