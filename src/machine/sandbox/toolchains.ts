/**
 * Toolchains in the user's home folder. The programs in a folder of `PATH` often need other folders:
 * `~/.cargo/bin/cargo` needs `~/.rustup`, and a shim of pyenv needs `~/.pyenv/versions`. A confined
 * command sees those folders too, read-only. None of them holds secrets. The list omits paths that do,
 * such as `~/.cargo/credentials.toml` and most of `~/.local/share`.
 */
import { isAbsolute, join, resolve } from 'node:path'

import type { Environment } from '../../ground/environment.ts'

/** The `PATH` of a process whose environment has none. */
export const defaultPath = '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin'

interface Toolchain {
  /** The folder, relative to the home folder. The environment variable `variable` overrides it. */
  folder: string
  variable?: string
  /** Program folders that may be in `PATH`, relative to the folder. */
  programs: readonly string[]
  /** Paths that the programs need, relative to the folder. */
  needs: readonly string[]
  /** A second folder that the programs need. */
  companion?: { folder: string; variable: string }
}

/** A version manager, whose folder holds only programs and their versions. */
const manager = (folder: string, variable?: string): Toolchain => ({
  folder,
  ...(variable !== undefined && { variable }),
  programs: ['bin', 'shims'],
  needs: ['.'],
})

const toolchains: readonly Toolchain[] = [
  {
    folder: '.cargo',
    variable: 'CARGO_HOME',
    programs: ['bin'],
    // The downloaded packages: a command without a network builds with these.
    needs: ['env', 'registry', 'git'],
    companion: { folder: '.rustup', variable: 'RUSTUP_HOME' },
  },
  { folder: 'go', variable: 'GOPATH', programs: ['bin'], needs: ['pkg'] },
  { folder: '.bun', variable: 'BUN_INSTALL', programs: ['bin'], needs: ['install/global'] },
  { folder: '.deno', variable: 'DENO_INSTALL', programs: ['bin'], needs: [] },
  { folder: '.local/share/pnpm', variable: 'PNPM_HOME', programs: ['.'], needs: ['.'] },
  {
    folder: '.local',
    programs: ['bin'],
    needs: ['lib', 'share/uv', 'share/pipx/venvs', 'pipx/venvs'],
  },
  manager('.pyenv', 'PYENV_ROOT'),
  manager('.rbenv', 'RBENV_ROOT'),
  manager('.nodenv', 'NODENV_ROOT'),
  manager('.goenv', 'GOENV_ROOT'),
  manager('.jenv', 'JENV_ROOT'),
  manager('.plenv', 'PLENV_ROOT'),
  manager('.asdf', 'ASDF_DATA_DIR'),
  manager('.local/share/mise', 'MISE_DATA_DIR'),
  manager('.proto', 'PROTO_HOME'),
  manager('.volta', 'VOLTA_HOME'),
  manager('.nvm', 'NVM_DIR'),
  manager('.local/share/fnm', 'FNM_DIR'),
  manager('.sdkman', 'SDKMAN_DIR'),
  manager('.poetry', 'POETRY_HOME'),
  manager('n', 'N_PREFIX'),
  manager('micromamba', 'MAMBA_ROOT_PREFIX'),
  manager('miniconda3'),
  manager('miniforge3'),
  manager('anaconda3'),
]

/** Variables with paths of toolchains. Commands may receive them. */
export const toolchainVariables: ReadonlySet<string> = new Set([
  ...toolchains.flatMap(({ variable, companion }) =>
    [variable ?? [], companion?.variable ?? []].flat(),
  ),
  'JAVA_HOME',
  'GOROOT',
  'VIRTUAL_ENV',
  'CONDA_PREFIX',
  'RUSTUP_TOOLCHAIN',
  'PYENV_VERSION',
])

/** Files of a home folder in which version managers store the default version. */
const versionFiles = [
  '.tool-versions',
  '.python-version',
  '.nvmrc',
  '.node-version',
  '.ruby-version',
]

export interface Toolchains {
  /** Folders of `PATH` that hold a toolchain's programs. */
  programs: readonly string[]
  /** Paths that the programs need. Some may not exist. */
  needs: readonly string[]
}

/** Returns the toolchains whose programs are in `PATH`. */
export function toolchainsIn(environment: Environment): Toolchains {
  const home = environment['HOME'] ?? ''
  if (!isAbsolute(home)) return { programs: [], needs: [] }
  const at = (folder: string, variable: string | undefined) => {
    const path = variable === undefined ? undefined : environment[variable]
    return path !== undefined && isAbsolute(path) ? path : join(home, folder)
  }
  const entries = (environment['PATH'] ?? '').split(':').filter(isAbsolute)
  const inPath = [...new Set(entries.map((path) => resolve(path)))]
  const found = toolchains.flatMap(({ folder, variable, programs, needs, companion }) => {
    const root = at(folder, variable)
    const folders = inPath.filter((path) => isProgramFolder(path, root, programs))
    if (folders.length === 0) return []
    const more = companion === undefined ? [] : [at(companion.folder, companion.variable)]
    return [{ folders, needs: [...needs.map((path) => join(root, path)), ...more] }]
  })
  const versions = found.length === 0 ? [] : versionFiles.map((name) => join(home, name))
  return {
    programs: found.flatMap(({ folders }) => folders),
    needs: [...found.flatMap(({ needs }) => needs), ...versions],
  }
}

/** Version managers also put folders of versions and of plugins into `PATH`. */
function isProgramFolder(path: string, root: string, programs: readonly string[]): boolean {
  if (programs.some((name) => path === join(root, name))) return true
  return programs.includes('shims') && path.startsWith(`${root}/`)
}
