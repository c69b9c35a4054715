#!/usr/bin/env node
// Plain JavaScript in old syntax, because every Node.js version must parse it. It checks the
// version before it imports files that need a newer one. 22.18 is the first version that runs
// TypeScript, and undici needs 22.19.
const version = process.versions.node.split('.').map(Number)
if (version[0] < 22 || (version[0] === 22 && version[1] < 19)) {
  process.stderr.write(
    'Loom needs Node 22.19 or newer; this is ' +
      process.versions.node +
      '. Install a newer Node from https://nodejs.org. In a checkout of Loom, npm start brings its own.\n',
  )
  process.exitCode = 3
} else {
  void import('./main.mjs').then(function (loom) {
    return loom.main(process)
  })
}
