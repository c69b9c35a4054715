/** Calls a store as the session layer does. It belongs to the published contract. */
export * from '../../src/testing/store-contract/conversation.ts'
