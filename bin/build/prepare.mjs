// npm runs this script (`prepare`) in two places. In the clone that it makes to install the package
// from git, the library must be built. In a checkout, the sources run without a build: `npm ci`
// builds nothing, and `npm install` builds once. Plain JavaScript, because npm may run it on a
// Node.js that runs no TypeScript.
import { existsSync } from 'node:fs'

const library = new URL('../../dist/library/src/index.js', import.meta.url)
// `npm install --omit=dev` leaves the compiler out.
const compiler = new URL('../../node_modules/typescript', import.meta.url)

if (process.env.npm_command !== 'ci' && !existsSync(library) && existsSync(compiler)) {
  const { buildLibrary } = await import('./library.ts')
  await buildLibrary()
}
