using System.Text.Json;

namespace Runcvm.FirecrackerDouble;

/// <summary>Paths and verbs of the API, and when each is allowed.</summary>
internal sealed class ApiRoutes(Instance instance)
{
    private const string PostBoot = "The requested operation is not supported after starting the microVM.";
    private const string PreBoot = "The requested operation is not supported before starting the microVM.";

    private MachineModel Machine => instance.Machine;

    /// <summary>Status and body.</summary>
    internal async Task<(int Status, string Body)> AnswerAsync(string method, string path, string body)
    {
        try
        {
            return method switch
            {
                "GET" when body.Length > 0 => throw new FaultException("GET request cannot have a body."),
                "GET" => (200, Get(path)),
                "PUT" or "PATCH" when body.Length == 0 => throw new FaultException($"Empty {method} request."),
                "PUT" => await PutAsync(path, body),
                "PATCH" => await PatchAsync(path, body),
                _ => throw Unknown(method, path),
            };
        }
        catch (FaultException e)
        {
            return (400, $"{{\"fault_message\":\"{JsonEncodedText.Encode(e.Message)}\"}}");
        }
    }

    private static FaultException Unknown(string method, string path) => new($"Invalid request method and/or path: {method} {path}.");

    private string Get(string path) => path switch
    {
        "/" => $"{{\"id\":\"{instance.Id}\",\"state\":\"{(instance.State == InstanceState.NotStarted ? "Not started" : instance.State.ToString())}\",\"vmm_version\":\"{CommandLine.ActsLike}-test-double\",\"app_name\":\"Firecracker\"}}",
        "/version" => $"{{\"firecracker_version\":\"{CommandLine.ActsLike}-test-double\"}}",
        "/machine-config" => $"{{\"vcpu_count\":{Machine.Cpus},\"mem_size_mib\":{Machine.Memory},\"smt\":false,\"track_dirty_pages\":false,\"huge_pages\":\"{Machine.HugePages}\"}}",
        "/balloon" => (Machine.Balloon ?? throw new FaultException("Balloon device error: No balloon device found.")).GetRawText(),
        _ => throw Unknown("GET", path),
    };

    private async Task<(int Status, string Body)> PutAsync(string path, string body)
    {
        string[] parts = path.TrimStart('/').Split('/');
        (Field[] fields, Action<JsonElement>? set) = parts switch
        {
            ["actions"] => (Definitions.Action, (Action<JsonElement>?)null),
            ["balloon"] => (Definitions.Balloon, Machine.SetBalloon),
            ["boot-source"] => (Definitions.BootSource, Machine.SetBootSource),
            ["drives", _] => (Definitions.Drive, Machine.SetDrive),
            ["entropy"] => (Definitions.Entropy, _ => Machine.SetEntropy()),
            ["logger"] => (Definitions.Logger, Logger),
            ["machine-config"] => (Definitions.Machine, Machine.SetMachine),
            ["metrics"] => (Definitions.Metrics, static _ => { }),
            ["network-interfaces", _] => (Definitions.Network, Machine.SetNetwork),
            ["serial"] => (Definitions.Serial, static _ => { }),
            ["vsock"] => (Definitions.Vsock, Machine.SetVsock),
            _ => throw Unknown("PUT", path),
        };
        using JsonDocument document = Parse(body, fields);
        if (parts.Length == 2) CheckId(parts, document.RootElement);
        if (set == null)
        {
            await ActAsync(document.RootElement.GetProperty("action_type").GetString()!);
            return (204, "");
        }

        if (instance.State != InstanceState.NotStarted) throw new FaultException(PostBoot);
        set(document.RootElement);
        return (204, "");
    }

    private async Task<(int Status, string Body)> PatchAsync(string path, string body)
    {
        string[] parts = path.TrimStart('/').Split('/');
        Field[] fields = parts switch
        {
            ["balloon"] => Definitions.BalloonUpdate,
            ["balloon", "statistics"] => Definitions.BalloonStatsUpdate,
            ["drives", _] => Definitions.DriveUpdate,
            ["machine-config"] => Definitions.MachineUpdate,
            ["network-interfaces", _] => Definitions.NetworkUpdate,
            ["vm"] => Definitions.State,
            _ => throw Unknown("PATCH", path),
        };
        using JsonDocument document = Parse(body, fields);
        bool preBoot = parts[0] == "machine-config";
        if (preBoot && instance.State != InstanceState.NotStarted) throw new FaultException(PostBoot);
        if (!preBoot && instance.State == InstanceState.NotStarted) throw new FaultException(PreBoot);
        if (preBoot) Machine.SetMachine(document.RootElement);
        else if (parts[0] == "vm") await instance.SetPausedAsync(document.RootElement.GetProperty("state").GetString() == "Paused");
        else if (parts is ["balloon"]) await InflateAsync(document.RootElement);
        return (204, "");
    }

    private async Task InflateAsync(JsonElement update)
    {
        if (Machine.Balloon == null) throw new FaultException("Balloon device error: No balloon device found.");
        ulong amount = MachineModel.Number(update, "amount_mib")!.Value;
        using JsonDocument changed = JsonDocument.Parse($"{{\"amount_mib\":{amount},\"deflate_on_oom\":true}}");
        Machine.SetBalloon(changed.RootElement);
        await instance.SetBalloonAsync((long)amount);
    }

    private async Task ActAsync(string action)
    {
        if (action == "InstanceStart") await instance.StartAsync();
        else if (instance.State == InstanceState.NotStarted) throw new FaultException(PreBoot);
    }

    private void Logger(JsonElement logger) => instance.Log.Configure(
        MachineModel.Text(logger, "log_path"), MachineModel.Text(logger, "level"), MachineModel.Try(logger, "show_level")?.GetBoolean());

    private static void CheckId(string[] parts, JsonElement body)
    {
        string? id = MachineModel.Text(body, parts[0] == "drives" ? "drive_id" : "iface_id");
        if (id != parts[1]) throw new FaultException($"The id from the path [{parts[1]}] does not match the id from the body [{id}]!");
    }

    private static JsonDocument Parse(string body, Field[] fields)
    {
        const string Failed = "An error occurred when deserializing the json body of a request: ";
        try
        {
            JsonDocument document = JsonDocument.Parse(body);
            Field.Check(document.RootElement, fields);
            return document;
        }
        catch (JsonException e)
        {
            throw new FaultException($"{Failed}{e.Message}.");
        }
        catch (FaultException e)
        {
            throw new FaultException($"{Failed}{e.Message}.");
        }
    }
}
