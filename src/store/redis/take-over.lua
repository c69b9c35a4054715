-- Claims a session whose owner is dead, only if its claim is still the one that the caller found. So only
-- one of several instances gets it. The owner must also have been quiet for `quietMs`: an owner that
-- appended or claimed since then is alive, even if its heartbeat is late. Times are by the clock of Redis.
-- KEYS session mail letters known order history messages branches branched claims live abandoned schedules scheduled
-- KEYS tasks unfinishedTasks nestedTasks taskSpent removedTasks reply
-- ARGV sessionTtlMs replyTtlMs claim instance handOver quietMs
-- RETURNS claim logId abandoned takeovers stop floor letter message silentMs
-- USES reply keep clock hint fence

-- A time in the future comes from an earlier master whose clock was ahead (a failover). It does not count.
local function isRecent(at)
  local agoMs = now() - (tonumber(at) or 0)
  return agoMs >= 0 and agoMs < tonumber(arg.quietMs)
end

local function takeOver()
  local state, claim, owner, logId, takeovers, abandoned, stop, floor, letter, messageId, appended =
    unpack(redis.call('HMGET', key.session, 'state', 'claim', 'owner', 'logId', 'takeovers',
      'abandoned', 'stop', 'floor', 'letter', 'letterMessage', 'appended'))
  if state ~= 'running' or claim ~= arg.claim then return {} end
  if arg.handOver ~= '1' and (isRecent(appended) or isRecent(claim)) then return {} end
  local taken = nextClaim(claim)
  local silentMs = math.max(0, now() - math.max(tonumber(appended) or 0, tonumber(claim)))
  if arg.handOver ~= '1' then
    takeovers = takeovers .. now() .. ' ' .. owner .. '\n'
    local _, count = string.gsub(takeovers, '\n', '')
    if count > 20 then takeovers = string.gsub(takeovers, '^[^\n]*\n', '') end
  end
  redis.call('HSET', key.session, 'claim', taken, 'owner', arg.instance, 'takeovers', takeovers,
    'last', fence(taken, logId))
  hint('intents')
  hint('log')
  keep()
  return {
    claim = taken, logId = logId, abandoned = abandoned, takeovers = takeovers, stop = stop,
    floor = floor, letter = letter, silentMs = silentMs,
    message = messageId ~= '' and redis.call('HGET', key.messages, messageId),
  }
end

return storedReply() or storeReply(takeOver())
