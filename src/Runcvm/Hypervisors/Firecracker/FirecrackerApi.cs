using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;

namespace Runcvm.Hypervisors.Firecracker;

/// <summary>Requests to a running Firecracker: HTTP/1.1 by hand, because the framework's client would add 4.5 MB for three lines.</summary>
/// <param name="socket">its API socket. Its folder is Firecracker's, where a link would lead to somebody else's: the
/// caller opens it and gives the descriptor's path</param>
internal sealed class FirecrackerApi(string socket)
{
    // An answer is a status and a sentence; what is longer does not come from a Firecracker in its right mind.
    private const int MostBytes = 64 * 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>PATCH /balloon: how much the guest shall give back. One that has not loaded its driver has nothing to take back, and cannot give.</summary>
    /// <param name="mebibytes">0 for nothing</param>
    internal void SetBalloon(long mebibytes)
    {
        if (TrySend("PATCH", "/balloon", new JsonObject { ["amount_mib"] = mebibytes }) is { } fault && !(mebibytes == 0 && IsInactive(fault)))
            throw new UsageException($"Firecracker refused PATCH /balloon: {fault}");
    }

    /// <summary>`Device is inactive` and `Device not activated yet`, by version.</summary>
    internal static bool IsInactive(string fault)
        => fault.Contains("inactive", StringComparison.OrdinalIgnoreCase) || fault.Contains("not activ", StringComparison.OrdinalIgnoreCase);

    // Null, or the reason why not.
    private string? TrySend(string method, string path, JsonObject body)
    {
        string json = body.ToJsonString();
        string request = $"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(json)}\r\n\r\n{json}";
        string answer;
        try
        {
            using var loop = new EventLoop();
            answer = loop.Run(() => AskAsync(loop, request));
        }
        catch (LinuxException e)
        {
            throw new UsageException($"Firecracker could not be asked ({method} {path}): {e.Message}", e);
        }

        return Fault(answer);
    }

    /// <summary>Null where the answer is a success, else why it is none.</summary>
    internal static string? Fault(string answer)
    {
        string[] status = answer.Split('\r')[0].Split(' ');
        if (status.Length < 2 || !int.TryParse(status[1], out int code)) return "its answer is no HTTP";
        if (code is >= 200 and < 300) return null;
        int end = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        string body = end < 0 ? "" : answer[(end + 4)..];
        try
        {
            string? message = JsonNode.Parse(body) is JsonObject fault ? fault["fault_message"]?.GetValue<string>() : null;
            return message?.TrimEnd('.') ?? $"it answered {code} without a reason";
        }
        catch (Exception e) when (e is System.Text.Json.JsonException or InvalidOperationException)
        {
            return $"it answered {code} without a reason";
        }
    }

    // A guest may have taken over whoever should answer; nobody waits for that one for ever.
    private async Task<string> AskAsync(EventLoop loop, string request)
    {
        SafeFileHandle connection = UnixSocket.Connect(socket);
        FileDescriptor.SetNonBlocking(connection);
        using var file = new AsyncFile(loop, connection);
        using var answered = new CancellationTokenSource();
        Task<bool> patience = loop.DelayAsync(Patience, answered.Token);
        Task<string> conversation = ConverseAsync(file, request);
        if (await Task.WhenAny(conversation, patience) == patience) throw new UsageException($"Firecracker did not answer within {Patience.TotalSeconds} s");
        answered.Cancel();
        return await conversation;
    }

    private static async Task<string> ConverseAsync(AsyncFile connection, string request)
    {
        await connection.WriteAsync(Encoding.UTF8.GetBytes(request));
        var bytes = new List<byte>();
        byte[] buffer = new byte[4096];
        while (bytes.Count < MostBytes)
        {
            int n = await connection.ReadAsync(buffer);
            bytes.AddRange(buffer.AsSpan(0, n));
            string text = Encoding.UTF8.GetString([.. bytes]);
            if (n == 0 || IsWhole(text)) return text;
        }

        return "";
    }

    private static bool IsWhole(string text)
    {
        const string Length = "content-length:";
        int end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0) return false;
        string? line = text[..end].Split("\r\n").FirstOrDefault(static line => line.StartsWith(Length, StringComparison.OrdinalIgnoreCase));
        return line == null || (int.TryParse(line[Length.Length..].Trim(), out int size) && Encoding.UTF8.GetByteCount(text.AsSpan(end + 4)) >= size);
    }
}
