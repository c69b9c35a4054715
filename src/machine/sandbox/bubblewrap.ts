/**
 * Bubblewrap: a command sees the system's programs and its workspace, and nothing else of the machine. The
 * paths are an allow-list, since the places of a machine's secrets are unknown. Root loses all
 * capabilities, but still owns root's files: see `system-view.ts`.
 */
import { realpath, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'

import { type Argv, type ConfinedProgram, inputFd } from './confined-program.ts'
import { gitSettings } from './git-settings.ts'
import type { CommandFolders, SandboxOptions } from './options.ts'
import { asOwner, type Owner, ownerOf, readableBy } from './owner.ts'
import { type Repository, repositoryOf } from './repository.ts'
import { privilegeFilter } from './seccomp.ts'
import { contains, readSystemView, type SystemView } from './system-view.ts'
import { firstThatRuns, type Trial } from './trial.ts'

export interface Bubblewrap {
  program: string
  options: SandboxOptions
  view: SystemView
  /** Whether the options of version 0.8 (`--disable-userns`, `--size`) work with this program and kernel. */
  isStrict: boolean
  /** Returns the user that commands in a workspace run as, and the programs that this user may read. */
  userOf: (workspace: string) => Promise<User>
  /** The git settings that commands may read. */
  gitSettings: string
}

export interface User {
  /** Undefined for Loom's own user. */
  owner: Owner | undefined
  /** Folders of programs that the user may read. */
  programs: readonly string[]
}

const namespaces = ['--unshare-all', '--die-with-parent', '--new-session', '--cap-drop', 'ALL']

/** A nested user namespace would give a command access to more of the kernel. */
const strict = ['--unshare-user', '--disable-userns']

const temporaryFolders = ['/tmp', '/var/tmp', '/dev/shm']

/** The size of each folder for temporary files, in bytes. The files are in memory. */
const temporaryBytes = 1024 * 1024 * 1024

/** Runs a trial of bubblewrap, with the strict options and then without them. */
export async function findBubblewrap(options: SandboxOptions): Promise<Trial<Bubblewrap>> {
  const program = options.programs?.bwrap ?? 'bwrap'
  const view = await readSystemView(options)
  const settings = await gitSettings(options.environment)
  const candidates = [true, false].map((isStrict): Bubblewrap => {
    const base = { program, options, view, isStrict, gitSettings: settings }
    return { ...base, userOf: usersOf(base) }
  })
  return firstThatRuns(
    candidates.map((value) => ({
      value,
      argv: [program, ...systemArguments(value, view.programs), '--', 'sh', '-c', 'exit 0'],
    })),
    options.environment['PATH'],
  )
}

/** Returns the command line that runs a program in bubblewrap. */
export async function wrapInBubblewrap(
  argv: Argv,
  place: CommandFolders,
  bubblewrap: Bubblewrap,
): Promise<ConfinedProgram> {
  const { options, program } = bubblewrap
  const { workspace, readable, hidden } = place
  const { owner, programs } = await bubblewrap.userOf(workspace)
  const repository = await repositoryOf(workspace)
  const readablePaths = [...(options.readable ?? []), ...readable]
  const inputs = await inputsFor(bubblewrap)
  const command = [
    program,
    ...systemArguments(bubblewrap, programs),
    ...readablePaths.flatMap((path) => ['--ro-bind-try', path, path]),
    ...(options.writable ?? []).flatMap((path) => ['--bind-try', path, path]),
    '--bind',
    workspace,
    workspace,
    ...repositoryArguments(repository),
    // After the other files, since hidden paths may be in the workspace.
    ...(await Promise.all([...(options.hidden ?? []), ...hidden].map(hideArguments))).flat(),
    ...inputs.flatMap((input, index) => input.arguments(String(inputFd + index))),
    // Devices are separate mounts and stay writable. The folder itself is memory, which a command could
    // fill, so it is read-only.
    '--remount-ro',
    '/dev',
    '--remount-ro',
    '/',
    '--chdir',
    workspace,
    '--',
    ...argv,
  ]
  const [first = program, ...rest] = owner === undefined ? command : [...asOwner(owner), ...command]
  return { argv: [first, ...rest], inputs: inputs.map(({ bytes }) => bytes) }
}

interface Input {
  bytes: Uint8Array
  /** Returns the options that name the descriptor. */
  arguments: (fd: string) => string[]
}

async function inputsFor({ options, gitSettings: settings }: Bubblewrap): Promise<Input[]> {
  const inputs: Input[] = []
  const filter = privilegeFilter(process.arch)
  if (filter !== undefined) inputs.push({ bytes: filter, arguments: (fd) => ['--seccomp', fd] })
  const home = options.environment['HOME'] ?? ''
  if (settings !== '' && !isAboveTheSystem(home)) {
    const path = join(home, '.gitconfig')
    inputs.push({
      bytes: Buffer.from(settings),
      arguments: (fd) => ['--ro-bind-data', fd, path],
    })
  }
  return inputs
}

function repositoryArguments(repository: Repository): string[] {
  const { writableFolders, pinnedFolders, readOnlyPaths, missingHooks } = repository
  return [
    [...writableFolders, ...pinnedFolders].flatMap((path) => ['--bind', path, path]),
    missingHooks.flatMap((path) => mask(path, true)),
    readOnlyPaths.flatMap((path) => ['--ro-bind', path, path]),
  ].flat()
}

/** Caches the trial of each workspace's owner. */
function usersOf(base: Omit<Bubblewrap, 'userOf'>): Bubblewrap['userOf'] {
  const users = new Map<string, Promise<User>>()
  return (workspace) => {
    const user = users.get(workspace) ?? userFor(workspace, base)
    users.set(workspace, user)
    return user
  }
}

async function userFor(workspace: string, base: Omit<Bubblewrap, 'userOf'>): Promise<User> {
  const { options, view, program } = base
  const owner = await ownerOf(workspace)
  if (owner === undefined) return { owner, programs: view.programs }
  const programs = await readableBy(owner, view.programs)
  const [first, ...rest] = [
    ...asOwner(owner),
    program,
    ...systemArguments(base, programs),
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
    `bash runs as root in ${workspace}: its owner (user ${owner.uid}) cannot run bubblewrap here (${trial.reason}). Files that commands write there will belong to root.`,
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
    // Root may write to `/proc/sys` without any capability, and so make the kernel run a program.
    ['--proc', '/proc', '--remount-ro', '/proc'],
    ['--dev', '/dev'],
    // Folders and not links: a home folder or workspace may be in any of them, and bubblewrap makes no mount
    // below a link.
    temporaryFolders.flatMap((path) => [...size, '--perms', '1777', '--tmpfs', path]),
    view.privatePaths.flatMap(({ path, isFolder }) => mask(path, isFolder)),
    // An empty home folder for programs that write there. It disappears with the command.
    isAboveTheSystem(home) ? [] : [...size, '--tmpfs', home],
    programs.flatMap((path) => ['--ro-bind', path, path]),
  ].flat()
}

/** Returns whether a home folder such as `/` contains the system, so that it must not be hidden. */
const isAboveTheSystem = (home: string) =>
  !isAbsolute(home) ||
  ['/usr', '/etc', '/proc', '/dev', '/tmp'].some((path) => contains(home, path))

const mask = (path: string, isFolder: boolean): string[] =>
  isFolder ? ['--tmpfs', path, '--remount-ro', path] : ['--ro-bind', '/dev/null', path]

async function hideArguments(path: string): Promise<string[]> {
  // A mount cannot replace a link, only the target of the link.
  const real = await realpath(path).catch(() => undefined)
  return real === undefined ? [] : mask(real, (await stat(real)).isDirectory())
}
