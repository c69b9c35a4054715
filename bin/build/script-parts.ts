/**
 * The parts that the unpacking scripts of all systems share. They are plain `sh`, for dash, for the
 * bash 3.2 of macOS and for zsh.
 */

/** Reports a failure in one line, and ends with the exit code of a faulty set-up. */
export const failure = `fail() {
  echo "loom: $1" >&2
  exit 3
}`

/**
 * Finds `$folder`: in the cache of the user, or else in the temporary folder.
 * @param ofHome the folder of caches in the home of the user: `.cache`
 */
export const cacheFolder = (ofHome: string): string => `folder=\${XDG_CACHE_HOME:-}
case $folder in /*) ;; *) folder=\${HOME:+$HOME/${ofHome}} ;; esac
case $folder in /*) folder=$folder/loom ;; *) folder= ;; esac
if [ -z "$folder" ] || ! (umask 077 && mkdir -p "$folder") 2>/dev/null || ! [ -w "$folder" ]; then
  folder=\${TMPDIR:-/tmp}/loom-$(id -u)
  (umask 077 && mkdir -p "$folder") 2>/dev/null
fi
[ -d "$folder" ] || fail "cannot write to $folder. Set XDG_CACHE_HOME to a folder of yours."
[ -O "$folder" ] || fail "$folder is not yours. Set XDG_CACHE_HOME to a folder of yours."`

/** Lets a shell that gets a signal run its EXIT trap. */
export const signalTraps = `trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM`

/** Returns the script that knows the number of its own first line after its end. */
export function scriptBefore(script: (firstLineOfArchive: number) => string): string {
  return script(script(0).split('\n').length)
}
