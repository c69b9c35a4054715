-- Returns the time in milliseconds, by the clock of Redis, which all instances share.

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
