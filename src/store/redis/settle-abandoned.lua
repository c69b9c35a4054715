-- Stores the message of an abandoned log: at its place in the history, or before the message that found it
-- waiting, or in the branch that this message cut.
-- KEYS session history messages branches branched abandoned rootSession rootTasks rootTaskSpent log reply
-- ARGV sessionTtlMs replyTtlMs claim logId message logTtlMs task spent...
-- RETURNS status
-- USES format reply keep hint history spend tree-spending note-spending

local function intoBranch(number)
  if setMessage(key.branched, number .. '/' .. arg.logId, arg.message) then
    local branch = redis.call('LINDEX', key.branches, -1)
    redis.call('LSET', key.branches, -1, branch .. '\n' .. arg.logId)
  end
end

local function intoHistory(before)
  if not setMessage(key.messages, arg.logId, arg.message) then return end
  if before == '' or redis.call('LINSERT', key.history, 'BEFORE', before, arg.logId) < 1 then
    redis.call('RPUSH', key.history, arg.logId)
  end
end

local function settle()
  local state, claim, abandoned, before, cutInto = unpack(redis.call('HMGET', key.session,
    'state', 'claim', 'abandoned', 'letterMessage', 'cutInto'))
  if state ~= 'running' or claim ~= arg.claim then return { status = 'lost' } end
  if abandoned ~= arg.logId then return { status = 'done' } end
  local stands = redis.call('HEXISTS', key.messages, arg.logId) == 1
  if cutInto ~= '' and not stands then intoBranch(cutInto) else intoHistory(before) end
  if redis.call('EXISTS', key.abandoned) == 1 then
    redis.call('RENAME', key.abandoned, key.log)
    redis.call('PEXPIRE', key.log, arg.logTtlMs)
  end
  redis.call('HSET', key.session, 'abandoned', '')
  spend()
  noteUnfinished('')
  noteBytes()
  hint('log')
  keep()
  return { status = 'done' }
end

return storedReply() or storeReply(settle())
