using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Hypervisors.Qemu;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;

namespace Runcvm.Tests.Hypervisors.Qemu;

public class QemuMonitorTests
{
    private const string Greeting = """{"QMP": {"version": {}, "capabilities": []}}""" + "\n";

    private const string Done = "{\"return\": {}}\n";

    [Fact]
    public void The_monitor_is_greeted_once_and_told_the_guests_new_size_in_bytes()
    {
        string said = Speak([Greeting + Done, "{\"event\": \"X\"}\n" + Done, Done], static async monitor =>
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
    [InlineData(Greeting + Done, "{\"error\": {\"class\": \"DeviceNotActive\", \"desc\": \"No balloon device\"}}\n", "QEMU refused balloon: No balloon device")]
    [InlineData("what?\n", "", "does not speak QMP")]
    [InlineData("[]\n", "", "does not speak QMP")]
    [InlineData(Greeting + Done, null, "closed its monitor")]
    public void What_is_no_success_is_told(string first, string? second, string words)
    {
        var failure = Assert.Throws<UsageException>(() => Speak([first, second], static monitor => monitor.SetMemoryAsync(1)));
        Assert.Contains(words, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reset_is_noticed_and_the_next_one_forbidden()
    {
        string said = Speak(
            [Greeting + Done + "{\"event\": \"RESET\", \"data\": {\"guest\": true, \"reason\": \"guest-reset\"}}\n", Done], static async monitor =>
            {
                Assert.False(monitor.WasReset.IsCompleted);
                await monitor.WasReset;
                await monitor.EndAtResetAsync();
            });
        Assert.EndsWith("{\"execute\":\"set-action\",\"arguments\":{\"reboot\":\"shutdown\"}}\n", said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("completed", null)]
    [InlineData("failed", "could not save")]
    public void A_machine_is_saved_into_the_file_that_goes_with_the_command(string status, string? failure)
    {
        (SafeFileHandle read, SafeFileHandle write) = FileDescriptor.Pipe();
        using (read)
        {
            string saved = string.Concat(new[] { "active", status }.Select(
                static now => $"{{\"event\": \"MIGRATION\", \"data\": {{\"status\": \"{now}\"}}}}\n"));
            string said = "";
            var answers = new[] { Greeting + Done, Done, Done, Done, Done + saved };
            Exception? thrown = Record.Exception(
                () => said = Speak(answers, async monitor => await monitor.SaveAsync(write)));
            // It is closed here: its end will be seen.
            Assert.True(write.IsClosed);
            if (failure != null) Assert.Contains(failure, thrown!.Message, StringComparison.Ordinal);
            else Assert.EndsWith("""
                {"execute":"getfd","arguments":{"fdname":"saved"}}
                {"execute":"migrate","arguments":{"uri":"fd:saved"}}

                """, said, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_qemu_that_has_ended_need_not_be_told_to_end() => Speak([null], static monitor => monitor.EndAtResetAsync());

    [Fact]
    public void That_a_reset_came_too_late_is_not_the_monitors_to_tell() => Speak([null], static monitor => monitor.ResetAsync());

    [Theory]
    [InlineData("{\"device\": \"scratch\", \"operation\": \"write\", \"action\": \"stop\", \"reason\": \"No space left on device\"}", "scratch write No space left on device True")]
    [InlineData("{\"device\": \"root\", \"operation\": \"read\", \"action\": \"report\", \"reason\": \"Input/output error\"}", "root read Input/output error False")]
    [InlineData("[1]", "   False")]
    public void An_error_of_a_disk_is_told_and_the_guest_may_go_on_after_it(string data, string expected)
    {
        string said = Speak([Greeting + Done + $"{{\"event\": \"BLOCK_IO_ERROR\", \"data\": {data}}}\n", Done], async monitor =>
        {
            (string disk, string operation, string reason, bool stops) = await monitor.DiskError;
            Assert.Equal(expected, $"{disk} {operation} {reason} {stops}");
            await monitor.ContinueAsync();
        });
        Assert.EndsWith("{\"execute\":\"cont\",\"arguments\":{}}\n", said, StringComparison.Ordinal);
    }

    // One answer to each command; null is the end.
    private static string Speak(string?[] answers, Func<QemuMonitor, Task> say)
    {
        (SafeFileHandle ours, SafeFileHandle theirs) = UnixSocket.Pair();
        using var loop = new EventLoop();
        using var other = AsyncFile.NonBlocking(loop, theirs);
        return loop.Run(async () =>
        {
            using var monitor = new QemuMonitor(AsyncFile.NonBlocking(loop, ours));
            Task<string> heard = AnswerAsync(other, answers);
            await say(monitor);
            monitor.Dispose();
            return await heard;
        });
    }

    private static async Task<string> AnswerAsync(AsyncFile socket, string?[] answers)
    {
        string heard = "";
        byte[] buffer = new byte[4096];
        foreach (string? answer in answers)
        {
            heard += Encoding.UTF8.GetString(buffer, 0, await socket.ReadAsync(buffer));
            if (answer == null)
            {
                socket.Dispose();
                return heard;
            }

            await socket.WriteAsync(Encoding.UTF8.GetBytes(answer));
        }

        return heard;
    }
}
