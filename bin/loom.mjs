#!/usr/bin/env node
// Plain JavaScript in old syntax on purpose: it must parse on any Node, and says what to do before
// anything that needs a newer one is imported. 22.18 is the first that runs TypeScript itself, 22.19
// what undici asks for.
const version = process.versions.node.split('.').map(Number)
if (version[0] < 22 || (version[0] === 22 && version[1] < 19)) {
  process.stderr.write(
    'loom: needs Node 22.19 or newer, this is ' +
      process.versions.node +
      '. Run it through npm (npm start), which brings its own, or install a newer Node.\n',
  )
  process.exitCode = 3
} else {
  void import('./main.mjs').then(function (loom) {
    return loom.main(process)
  })
}
