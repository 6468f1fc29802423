-- 100 users a request. Arguments: the number of users, and the media type of the answer.
local requests, next = {}, 0

function init(args)
  math.randomseed(7)
  local headers = { ["Content-Type"] = "application/json", ["Accept"] = args[2] }
  for place = 1, 2000 do
    local keys = {}
    for key = 1, 100 do
      keys[key] = '"u' .. math.random(1, tonumber(args[1])) .. '"'
    end
    local body = '{"keys":[' .. table.concat(keys, ",") .. "]}"
    requests[place] = wrk.format("POST", "/v1/tables/users/lookup", headers, body)
  end
end

function request()
  next = next % #requests + 1
  return requests[next]
end
