-- Renews a heartbeat: a deadline in the register, by the clock of Redis. The lapsed instances are then one
-- range of scores. The heartbeat also stores the format of the data. If a later version has stored a later
-- one, the instance does not count as alive, so that instances of that version take its turns over. `sharing` has the
-- instances that read messages in segments, and `compacting` those that read compact messages. `agreed` is the time since
-- which all live instances are among the latter. `writes` is the format that the instance writes.
-- KEYS register format sharing compacting agreed
-- ARGV keptMs instance ttlMs writes reads
-- RETURNS format agreedMs
-- USES clock

local function noteReader(of)
  redis.call('ZREMRANGEBYSCORE', of, '-inf', now())
  redis.call('ZADD', of, now() + arg.ttlMs, arg.instance)
  redis.call('PEXPIRE', of, arg.keptMs)
end

local function canAllCompact()
  for _, instance in ipairs(redis.call('ZRANGEBYSCORE', key.register, '(' .. now(), '+inf')) do
    if not redis.call('ZSCORE', key.compacting, instance) then return false end
  end
  return true
end

local function agreedMs()
  if not canAllCompact() then
    redis.call('UNLINK', key.agreed)
    return ''
  end
  local since = redis.call('GET', key.agreed)
  redis.call('SET', key.agreed, since or now(), 'PX', arg.keptMs)
  return math.max(0, now() - tonumber(since or now()))
end

local stored = redis.call('GET', key.format) or '0'
local agreed = ''
if tonumber(stored) <= tonumber(arg.reads) then
  redis.call('SET', key.format, math.max(tonumber(stored), tonumber(arg.writes)), 'PX', arg.keptMs)
  redis.call('ZADD', key.register, now() + arg.ttlMs, arg.instance)
  redis.call('PEXPIRE', key.register, arg.keptMs)
  noteReader(key.sharing)
  noteReader(key.compacting)
  agreed = agreedMs()
end
return returns({ format = stored, agreedMs = agreed })
