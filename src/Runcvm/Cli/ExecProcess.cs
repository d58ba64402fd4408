using System.Globalization;
using System.Text.Json.Nodes;
using Runcvm.Oci;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Cli;

/// <summary>The process that an exec is to run: a file's, as engines give it, or the container's own with what flags
/// and command line change, as runc(8) and crun(1) say.</summary>
internal static class ExecProcess
{
    // The flags of runc and crun that take a value.
    internal static readonly string[] FlagsWithValue =
    [
        "--process", "-p", "--console-socket", "--pid-file", "--cwd", "--env", "-e", "--user", "-u",
        "--additional-gids", "-g", "--process-label", "--apparmor", "--cap", "-c", "--preserve-fds", "--cgroup",
    ];

    private static readonly string[] Sets = ["bounding", "effective", "permitted"];

    /// <summary>Reads the process, and checks its types.</summary>
    /// <exception cref="UsageException">it is missing, or no process</exception>
    internal static JsonObject Read(CommandLine command, MachineFolder folder)
    {
        if (command.ValueOf(FlagsWithValue, "--process", "-p") is { } file)
            return ReadFile(file);
        IReadOnlyList<string> arguments = command.AfterId(FlagsWithValue);
        if (arguments.Count == 0)
            throw new UsageException("exec needs a command, or --process FILE: runcvm exec ID COMMAND [ARGUMENT…]");
        string config = Path.Combine(BundleOf(folder), "config.json");
        JsonObject spec = Bundle.ReadObject(config);
        SpecTypes.CheckSpec(spec, config);
        JsonNode process = spec["process"] ?? throw new UsageException($"{config} describes no process");
        spec.Remove("process");
        return Changed((JsonObject)process, command, arguments);
    }

    /// <summary>One that an engine gives in a file.</summary>
    internal static JsonObject ReadFile(string file) => Checked(Bundle.ReadObject(file), file);

    private static string BundleOf(MachineFolder folder)
    {
        try
        {
            return folder.TryReadRecord()?.Bundle ?? throw new WireFormatException("the file cannot be read");
        }
        catch (WireFormatException e)
        {
            throw new UsageException(
                $"{folder.Record} does not say where the bundle is ({e.Message}); use --process FILE", e);
        }
    }

    internal static JsonObject Changed(JsonObject process, CommandLine command, IReadOnlyList<string> arguments)
    {
        process["args"] = SpecMount.Texts([.. arguments]);
        process["terminal"] = command.HasFlag(FlagsWithValue, "--tty", "-t");
        if (command.HasFlag(FlagsWithValue, "--no-new-privs")) process["noNewPrivileges"] = true;
        if (command.ValueOf(FlagsWithValue, "--cwd") is { } folder) process["cwd"] = folder;
        string[] environment = [.. command.ValuesOf(FlagsWithValue, "--env", "-e")];
        if (environment.Length > 0)
            process["env"] = SpecMount.Texts([.. ProcessReader.Texts(process["env"]), .. environment]);
        if (command.ValueOf(FlagsWithValue, "--user", "-u") is { } user) process["user"] = User(user);
        uint[] groups = [.. command.ValuesOf(FlagsWithValue, "--additional-gids", "-g").Select(Number)];
        if (groups.Length > 0)
        {
            process["user"] ??= new JsonObject();
            process["user"]!["additionalGids"] = new JsonArray([.. groups.Select(static g => (JsonNode)g)]);
        }

        string[] added = [.. command.ValuesOf(FlagsWithValue, "--cap", "-c")];
        if (added.Length > 0) AddCapabilities(process, added);
        return Checked(process, "the container's process with the flags of exec");
    }

    private static JsonObject Checked(JsonObject process, string name)
    {
        SpecTypes.CheckProcess(process, name);
        return process;
    }

    private static void AddCapabilities(JsonObject process, string[] added)
    {
        process["capabilities"] ??= new JsonObject();
        foreach (string set in Sets)
        {
            string[] has = ProcessReader.Texts(process["capabilities"]![set]);
            process["capabilities"]![set] = SpecMount.Texts([.. has, .. added]);
        }
    }

    private static JsonObject User(string text)
    {
        string[] parts = text.Split(':', 2);
        var user = new JsonObject { ["uid"] = Number(parts[0]) };
        if (parts.Length > 1) user["gid"] = Number(parts[1]);
        return user;
    }

    private static uint Number(string text)
        => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number)
            ? number
            : throw new UsageException($"--user and --additional-gids of exec take numbers (UID[:GID]), not '{text}'");
}
