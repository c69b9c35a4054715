export const origin: string = 'from another file'
