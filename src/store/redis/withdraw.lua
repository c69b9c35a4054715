-- Takes a letter out of the mailbox. Its id stays known, so that a client that posts it again (it
-- posts its whole history) does not bring it back.
-- KEYS session mail letters known order reply
-- ARGV sessionTtlMs replyTtlMs knownMax tenant id
-- RETURNS done
-- USES reply keep hint known letter

local function withdraw()
  if redis.call('HGET', key.session, 'tenant') ~= arg.tenant or not unqueue(arg.id) then
    return { done = false }
  end
  bury(arg.id, 'w')
  redis.call('HSET', key.session, 'steer', steering() and '1' or '')
  hint('log')
  keep()
  return { done = true }
end

return answered() or answer(withdraw())
