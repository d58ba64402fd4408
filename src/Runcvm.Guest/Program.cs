Console.Error.WriteLine("runcvm-init: nothing yet");
return 1;
