# SPDX-License-Identifier: GPL-2.0-or-later
#
# boot.S - the guest's whole operating system: one sector that looks whether
# the card the ROM started can be used, says so on COM1, and idles until the
# virtual machine is stopped. It switches itself off (ACPI's S5) when the power
# button is pressed or a "p" comes over COM1, and starts itself again at an "r".
# It never shuts the card down, as a guest that crashes would not.
#
# ACPI 6.5, 4.8.3: PM1 status, enable and control; on this machine they are at
# 0x600, and S5 is sleep type 0.

.code16
.text
.globl _start

.set PM1_STS,  0x600
.set PM1_EN,   0x602
.set PM1_CNT,  0x604
.set PWRBTN,   0x100		# in both
.set SLP_EN,   0x2000		# in PM1_CNT
.set KBC,      0x64		# 0xfe: pulse the reset line

_start:
	ljmp	$0, $1f
1:	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %ss
	mov	$0x7c00, %sp
	cld
	mov	$text_up, %si
	call	puts

	# PCI BIOS, find device: bus and function -> %bx
	mov	$0xb102, %ax
	mov	$DEVICE, %cx
	mov	$0x1002, %dx
	xor	%si, %si
	int	$0x1a
	jc	bad
	call	io_base
	test	%di, %di
	jz	bad

	# started, and by a ROM that saw it through to the end?
	call	chip_runs
	jc	bad
	mov	$SCRATCH_7, %eax
	call	rd
	test	$INIT_COMPLETE, %eax
	jz	bad

	# draw something: two different words, so that a bus that returns
	# the last value written does not pass
	mov	$VRAM + 0x1000, %eax
	mov	$0x12345678, %ecx
	call	wr
	mov	$VRAM + 0x2000, %eax
	mov	$0x0badcafe, %ecx
	call	wr
	mov	$VRAM + 0x1000, %eax
	call	rd
	cmp	$0x12345678, %eax
	jne	bad
	mov	$text_good, %si
	jmp	say
bad:	mov	$text_bad, %si
say:	call	puts

	# without its enable bit the button is not even noted
	mov	$PM1_EN, %dx
	mov	$PWRBTN, %ax
	out	%ax, %dx
idle:	sti
	hlt			# until the timer's next tick
	mov	$PM1_STS, %dx
	in	%dx, %ax
	test	$PWRBTN, %ax
	jnz	off
	mov	$COM1 + 5, %dx
	in	%dx, %al
	test	$1, %al
	jz	idle
	mov	$COM1, %dx
	in	%dx, %al
	cmp	$'p', %al
	je	off
	cmp	$'r', %al
	jne	idle
	mov	$0xfe, %al
	out	%al, $KBC
	jmp	idle
off:	mov	$PM1_CNT, %dx
	mov	$SLP_EN, %ax
	out	%ax, %dx
	jmp	idle

text_up:	.asciz "guest: up\r\n"
text_good:	.asciz "guest: card works\r\n"
text_bad:	.asciz "guest: card does not work\r\n"

.include "card.inc"

	.org	510
	.word	0xaa55
