using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;

namespace Runcvm.Machines.Firecracker;

/// <summary>Requests to a running Firecracker: HTTP/1.1 by hand, because the framework's client would add 4.5 MB for three lines.</summary>
/// <param name="socket">its API socket, as the caller sees it</param>
internal sealed class FirecrackerApi(string socket)
{
    // An answer is a status and a sentence; what is longer does not come from a Firecracker in its right mind.
    private const int MostBytes = 64 * 1024;

    /// <summary>PATCH /balloon: how much the guest shall give back.</summary>
    internal void SetBalloon(long mebibytes) => Send("PATCH", "/balloon", new JsonObject { ["amount_mib"] = mebibytes });

    private void Send(string method, string path, JsonObject body)
    {
        string json = body.ToJsonString();
        string request = $"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(json)}\r\n\r\n{json}";
        string answer;
        try
        {
            using SafeFileHandle connection = UnixSocket.Connect(socket);
            FileDescriptor.WriteAll(connection, Encoding.UTF8.GetBytes(request));
            answer = ReadAnswer(connection);
        }
        catch (LinuxException e)
        {
            throw new UsageException($"Firecracker could not be asked ({method} {path}): {e.Message}", e);
        }

        if (Fault(answer) is { } fault) throw new UsageException($"Firecracker refused {method} {path}: {fault}");
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

    private static string ReadAnswer(SafeFileHandle connection)
    {
        var bytes = new List<byte>();
        byte[] buffer = new byte[4096];
        while (bytes.Count < MostBytes)
        {
            string text = Encoding.UTF8.GetString([.. bytes]);
            if (IsWhole(text)) return text;
            int n = FileDescriptor.TryRead(connection, buffer);
            if (n <= 0) return text;
            bytes.AddRange(buffer.AsSpan(0, n));
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
