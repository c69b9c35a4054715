-- Removes a letter from the mailbox. The session remembers its id, so that a client that posts its whole
-- history again does not post this letter again.
-- KEYS session mail letters known order reply
-- ARGV sessionTtlMs replyTtlMs knownMax tenant id
-- RETURNS done
-- USES reply keep hint known letter

local function withdraw()
  if redis.call('HGET', key.session, 'tenant') ~= arg.tenant or not unqueue(arg.id) then
    return { done = false }
  end
  bury(arg.id, 'w')
  redis.call('HSET', key.session, 'steer', hasSteered() and '1' or '')
  hint('log')
  keep()
  return { done = true }
end

return storedReply() or storeReply(withdraw())
