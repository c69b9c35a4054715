-- Returns the schedules of a session, the next one first: the id, the time and the schedule of each.
-- KEYS schedules scheduled
-- RETURNS schedules...

local schedules = {}
local times = redis.call('ZRANGE', key.schedules, 0, -1, 'WITHSCORES')
for index = 1, #times, 2 do
  table.insert(schedules, times[index])
  table.insert(schedules, times[index + 1])
  table.insert(schedules, redis.call('HGET', key.scheduled, times[index]) or '')
end
return returns({ schedules = schedules })
