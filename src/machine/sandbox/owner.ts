/**
 * The user of a confined command if Loom runs as root. The command runs as the owner of the workspace, so
 * that its files belong to that owner and it cannot read root's files. In a workspace of root it runs as
 * root, without root's capabilities.
 */
import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'

/** The numbers of a user and a group of the system. */
export interface Owner {
  /** The id of the user. */
  uid: number
  /** The id of the group. */
  gid: number
}

/** Returns the user to run as; undefined for Loom's own user. */
export async function ownerOf(workspace: string): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const { uid, gid } = await stat(workspace)
  return uid === 0 ? undefined : { uid, gid: gid === 0 ? uid : gid }
}

/** Returns the command line that gives up root's rights. No program that it starts can regain them. */
export const asOwner = ({ uid, gid }: Owner): [string, ...string[]] => [
  'setpriv',
  `--reuid=${uid}`,
  `--regid=${gid}`,
  '--clear-groups',
  '--bounding-set=-all',
  '--inh-caps=-all',
  '--',
]

/** Returns the paths that the user may read. A sandbox that runs as this user cannot show others. */
export async function readableBy(owner: Owner, paths: readonly string[]): Promise<string[]> {
  const script = 'for path; do if test -r "$path"; then echo y; else echo n; fi; done'
  const [program, ...rest] = [...asOwner(owner), 'sh', '-c', script, 'loom', ...paths]
  const output = await new Promise<string>((resolve) => {
    execFile(program, rest, { timeout: 10_000 }, (_error, stdout) => resolve(stdout))
  })
  const answers = output.split('\n')
  return paths.filter((_, index) => answers[index] === 'y')
}
