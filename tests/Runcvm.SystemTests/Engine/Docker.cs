using System.Diagnostics;

namespace Runcvm.SystemTests.Engine;

/// <summary>The `docker` command line, talking to the engine behind one socket.</summary>
internal sealed class Docker(string socket)
{
    private readonly Dictionary<string, string> _environment = new()
    {
        ["DOCKER_HOST"] = $"unix://{socket}",
        // BuildKit is not everywhere, and the classic builder's layers are one for each instruction.
        ["DOCKER_BUILDKIT"] = "0",
    };

    public Task<CommandResult> RunAsync(params string[] arguments) => InputAsync(null, null, arguments);

    public Task<CommandResult> WithinAsync(TimeSpan timeout, params string[] arguments) => InputAsync(null, timeout, arguments);

    public Task<CommandResult> InputAsync(byte[]? input, TimeSpan? timeout, params string[] arguments)
        => Command.RunAsync("docker", arguments, input, timeout, _environment);

    /// <summary>The `docker-compose` command line.</summary>
    public Task<CommandResult> ComposeAsync(params string[] arguments) => Command.RunAsync("docker-compose", arguments, environment: _environment);

    /// <summary>For conversations: standard streams stay open.</summary>
    public Process Start(params string[] arguments) => Command.Start("docker", arguments, _environment);

    /// <summary>NAME=value lines for programs that call `docker` themselves.</summary>
    public IEnumerable<string> Environment => _environment.Select(e => $"{e.Key}={e.Value}");

    public async Task<string> InspectAsync(string name, string format)
        => (await RunAsync("inspect", "--format", format, name)).Text;
}
