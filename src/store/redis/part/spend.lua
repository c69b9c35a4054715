-- Adds up what messages have cost, when each is whole: names and amounts in turn.

local function spend()
  for index = 1, #arg.spent, 2 do
    redis.call('HINCRBYFLOAT', key.session, arg.spent[index], arg.spent[index + 1])
  end
end
