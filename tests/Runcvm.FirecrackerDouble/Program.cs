using Runcvm.FirecrackerDouble;
using Runcvm.Linux;
using Runcvm.Linux.Events;

CommandLine command;
try
{
    command = CommandLine.Parse(args);
}
catch (FormatException e)
{
    Console.Error.WriteLine($"Error: ParseArguments({e.Message})");
    return CommandLine.ArgumentsWrong;
}

if (command.Version)
{
    Console.Out.WriteLine($"Firecracker v{CommandLine.ActsLike}-test-double\n\nThis is RunCVM's test double of Firecracker: it runs guests with QEMU, without KVM.");
    return 0;
}

var log = new Log(command);
log.Always($"Running Firecracker v{CommandLine.ActsLike}-test-double: this is RunCVM's test double, not Firecracker");
using var loop = new EventLoop();
try
{
    int code = loop.Run(new Instance(loop, command, log).RunAsync);
    log.Always($"Firecracker exiting successfully. exit_code={code}");
    return code;
}
catch (Exception e) when (e is FaultException or LinuxException or IOException)
{
    log.Write(LogLevel.Error, $"RunWith{(command.NoApi ? "outApiError" : "ApiError")} error: {e.Message}");
    Console.Error.WriteLine($"Error: RunWith{(command.NoApi ? "outApiError" : "Api")}({e.GetType().Name})");
    log.Write(LogLevel.Error, "Firecracker exiting with error. exit_code=1");
    return 1;
}
