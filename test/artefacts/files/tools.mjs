export const shout = {
  name: 'shout',
  description: 'Shouts.',
  retry: 'safe',
  inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
  execute: ({ text }) => text.toUpperCase(),
}
