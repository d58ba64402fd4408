using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Sockets;
using Runcvm.Machines.Qemu;

namespace Runcvm.Tests.Machines;

public class QemuMonitorTests
{
    private const string Greeting = """{"QMP": {"version": {}, "capabilities": []}}""" + "\n";

    [Fact]
    public void The_monitor_is_greeted_once_and_told_the_guests_new_size_in_bytes()
    {
        string said = Speak(Greeting + "{\"return\": {}}\n{\"event\": \"X\"}\n{\"return\": {}}\n{\"return\": {}}\n", async monitor =>
        {
            await monitor.SetMemoryAsync(128);
            await monitor.SetMemoryAsync(256);
        });
        Assert.Equal(
            """
            {"execute":"qmp_capabilities","arguments":{}}
            {"execute":"balloon","arguments":{"value":134217728}}
            {"execute":"balloon","arguments":{"value":268435456}}

            """, said);
    }

    [Theory]
    [InlineData(Greeting + "{\"return\": {}}\n{\"error\": {\"class\": \"DeviceNotActive\", \"desc\": \"No balloon device\"}}\n", "QEMU refused balloon: No balloon device")]
    [InlineData("what?\nno\n", "does not speak QMP")]
    [InlineData(Greeting + "[]\n", "does not speak QMP")]
    public void What_is_no_success_is_told(string answers, string words)
    {
        var failure = Assert.Throws<UsageException>(() => Speak(answers, static monitor => monitor.SetMemoryAsync(1)));
        Assert.Contains(words, failure.Message, StringComparison.Ordinal);
    }

    // All answers lie ready; a monitor that wants more finds the end.
    private static string Speak(string answers, Func<QemuMonitor, Task> say)
    {
        (SafeFileHandle ours, SafeFileHandle theirs) = UnixSocket.Pair();
        using var loop = new EventLoop();
        using var monitor = new QemuMonitor(AsyncFile.NonBlocking(loop, ours));
        using var other = AsyncFile.NonBlocking(loop, theirs);
        return loop.Run(async () =>
        {
            await other.WriteAsync(Encoding.UTF8.GetBytes(answers));
            await say(monitor);
            byte[] said = new byte[4096];
            int length = await other.ReadAsync(said);
            return Encoding.UTF8.GetString(said, 0, length);
        });
    }
}
