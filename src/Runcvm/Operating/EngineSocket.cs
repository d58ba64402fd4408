using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;

namespace Runcvm.Operating;

/// <summary>Questions to Docker's API on its Unix socket. HTTP/1.0, in which an answer ends with the connection: that is
/// all of the protocol that is needed, and names must never cost more than they are worth.</summary>
internal static class EngineSocket
{
    private const string Usual = "/var/run/docker.sock";
    private const int LongestAnswer = 64 * 1024 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>The answer, or null where no engine gives one.</summary>
    internal static JsonNode? TryGet(string path)
    {
        try
        {
            string socket = Path();
            if (!File.Exists(socket)) return null;
            using SafeFileHandle connection = UnixSocket.Connect(socket);
            FileDescriptor.SetNonBlocking(connection);
            using var loop = new EventLoop();
            byte[]? answer = loop.Run(() => AskAsync(loop, connection, path));
            return answer == null ? null : Body(answer);
        }
        catch (Exception e) when (e is LinuxException or JsonException)
        {
            // No engine, or none that can be understood: machines have ids all the same.
            return null;
        }
    }

    /// <summary>The JSON of an answer with status 200, else null.</summary>
    internal static JsonNode? Body(byte[] answer)
    {
        int end = answer.AsSpan().IndexOf("\r\n\r\n"u8);
        if (end < 0) return null;
        string status = Encoding.ASCII.GetString(answer, 0, answer.AsSpan().IndexOf((byte)'\r'));
        return status.Split(' ') is [_, "200", ..] ? JsonNode.Parse(answer.AsSpan(end + 4)) : null;
    }

    private static string Path()
    {
        const string Unix = "unix://";
        string? host = Environment.GetEnvironmentVariable("DOCKER_HOST");
        return host?.StartsWith(Unix, StringComparison.Ordinal) == true ? host[Unix.Length..] : Usual;
    }

    private static async Task<byte[]?> AskAsync(EventLoop loop, SafeFileHandle connection, string path)
    {
        using var file = new AsyncFile(loop, connection);
        using var answered = new CancellationTokenSource();
        Task<bool> timeout = loop.DelayAsync(Patience, answered.Token);
        Task<byte[]?> answer = ExchangeAsync(file, path);
        if (await Task.WhenAny(answer, timeout) != answer) return null;
        answered.Cancel();
        return await answer;
    }

    private static async Task<byte[]?> ExchangeAsync(AsyncFile file, string path)
    {
        await file.WriteAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n"));
        using var answer = new MemoryStream();
        byte[] buffer = new byte[64 * 1024];
        for (int n; (n = await file.ReadAsync(buffer)) > 0;)
        {
            answer.Write(buffer, 0, n);
            if (answer.Length > LongestAnswer) return null;
        }

        return answer.ToArray();
    }
}
