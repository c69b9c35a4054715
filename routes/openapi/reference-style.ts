/** The style of the reference page. */
export const referenceStyle = `
:root { color-scheme: light dark; --line: light-dark(#ddd, #444); --quiet: light-dark(#666, #aaa) }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif }
h1, h2 { line-height: 1.2 }
h2 { margin-top: 2.5rem }
code, pre { font: 0.875em/1.5 ui-monospace, monospace }
details { border: 1px solid var(--line); border-radius: 0.5rem; margin: 0.5rem 0; padding: 0.5rem 0.75rem }
summary { cursor: pointer; overflow-wrap: anywhere }
summary b { display: inline-block; min-width: 4.5rem }
summary span, .quiet { color: var(--quiet) }
table { border-collapse: collapse; width: 100% }
th, td { border-top: 1px solid var(--line); padding: 0.375rem 0.5rem 0.375rem 0; text-align: left; vertical-align: top; overflow-wrap: anywhere }
pre { overflow-x: auto; tab-size: 2; margin: 0.5rem 0 0 }
`
