-- Appends entries of one or several sessions, each directly after the entry that its owner appended
-- before. So an entry that is sent twice is stored once, a replaced owner gets `lost`, and no entry follows
-- a gap after a failover that lost the end of the log. The verdict contains the intents that wait for the
-- owner. The session stores the time of the append: an owner that appends is alive (`take-over.lua`).
-- This is the per-token path: the script makes no tables, uses no part, and reads the clock once.
-- KEYS session live ...
-- ARGV claim after id events ...
-- RETURNS verdict ...

local function sequence(id)
  return tonumber(string.match(id, '%-(%d+)$'))
end

local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)

local function append(session, live, claim, after, id, events)
  local current = redis.call('HMGET', session, 'claim', 'state', 'last', 'stop', 'steer')
  local last = current[3]
  if current[1] ~= claim or current[2] ~= 'running' then return 'lost' end
  local verdict = 'appended'
  if last == after then
    if not redis.call('XADD', live, 'NOMKSTREAM', id, 'e', events) then return 'lost' end
    redis.call('HSET', session, 'last', id, 'appended', nowMs)
    redis.call('SPUBLISH', session .. '!log', '')
  elseif sequence(last) >= sequence(id) then
    verdict = 'present'
  else
    return 'behind ' .. last
  end
  if current[4] ~= '' then verdict = verdict .. ' ' .. current[4] end
  if current[5] ~= '' then verdict = verdict .. ' steer' end
  return verdict
end

local verdicts = {}
for each = 1, #KEYS / 2 do
  verdicts[each] = append(KEYS[each * 2 - 1], KEYS[each * 2], unpack(ARGV, each * 4 - 3, each * 4))
end
return verdicts
