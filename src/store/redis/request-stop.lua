-- Records that the running turn is to stop. It names the turn, so that a stop that comes late does
-- not end the next one.
-- KEYS session reply
-- ARGV sessionTtlMs replyTtlMs tenant logId
-- RETURNS done
-- USES reply keep hint

local function requestStop()
  local tenant, state, logId, stop =
    unpack(redis.call('HMGET', key.session, 'tenant', 'state', 'logId', 'stop'))
  local other = arg.logId ~= '' and arg.logId ~= logId
  if tenant ~= arg.tenant or state ~= 'running' or other then return { done = false } end
  if stop == '' then redis.call('HSET', key.session, 'stop', 'keep') end
  hint('intents')
  keep()
  return { done = true }
end

return answered() or answer(requestStop())
