-- The formats of a session: `format.ts` has the same numbers. A session with messages in a segment has the second one, and a
-- session with compact messages the third one. Each later format includes the earlier ones.

local format, sharedFormat, compactFormat = 1, 2, 3

local function raiseFormat(to)
  local before = redis.call('HGET', key.session, 'v')
  if tonumber(before or '') == nil or tonumber(before) < tonumber(to) then
    redis.call('HSET', key.session, 'v', to)
  end
end

-- A compact message is a list: it begins with a square bracket.
local isNoted = false
local function noteForm(message)
  if isNoted or string.byte(message) ~= 91 then return end
  raiseFormat(compactFormat)
  isNoted = true
end
